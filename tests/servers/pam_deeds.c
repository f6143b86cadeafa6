/* A PAM module that does what its argument says: what modules have been seen to do to the process that asks them.
 *
 * auth required /run/pam_deeds.so DEED
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_modules.h>

static jmp_buf place;

static void note(void) /* that it was asked, a byte for each time */
{
    int file = open("/run/asked", O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (write(file, ".", 1) != 1)
        abort();
    close(file);
}

static int crash(void)
{
    return *(volatile int *)NULL;
}

static int overflow(void)
{
    volatile char frame[4096];
    frame[0] = 1;
    return overflow() + frame[0];
}

static __attribute__((noinline)) int remember(void)
{
    volatile char frame[4096];
    frame[0] = (char)setjmp(place);
    return frame[0];
}

static int jump(void) /* into a frame that has gone */
{
    remember();
    longjmp(place, 1);
}

static int end(void)
{
    note();
    exit(0);
}

static int end_at_once(void)
{
    note();
    _exit(0);
}

static int kill_group(void)
{
    return kill(0, SIGTERM);
}

static int spin(void)
{
    for (volatile int turns = 0;; turns++)
        ;
}

static int block(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;)
        sleep(600);
}

static int no_alarm(void)
{
    alarm(0);
    signal(SIGALRM, SIG_IGN);
    return (int)sleep(600);
}

static int stop(void)
{
    return raise(SIGSTOP);
}

static int close_all(void)
{
    for (int descriptor = 0; descriptor <= 100; descriptor++)
        close(descriptor);
    return 0;
}

static int garbage(void)
{
    for (int descriptor = 0; descriptor < 100; descriptor++)
        if (write(descriptor, "\0\4ok\n ", 6) < 0)
            continue;
    return 0;
}

static int leak(void) /* 1 MB */
{
    static char *volatile lost;
    lost = malloc(1 << 20);
    memset(lost, 1, 1 << 20);
    return 0;
}

static int leave_daemon(void)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0)
            for (;;)
                sleep(600);
        _exit(0);
    }
    return 0;
}

static int leave_child(void)
{
    if (fork() == 0)
        for (;;)
            sleep(600);
    return 0;
}

static int return_twice(void) /* the child first */
{
    if (fork() != 0)
        usleep(200 * 1000);
    return 0;
}

static int become_nobody(void)
{
    return setgid(65534) || setuid(65534);
}

static const struct {
    const char *name;
    int (*act)(void);
} DEEDS[] = {
    {"crash", crash},
    {"overflow", overflow},
    {"jump", jump},
    {"end", end},
    {"end_at_once", end_at_once},
    {"kill_group", kill_group},
    {"spin", spin},
    {"block", block},
    {"no_alarm", no_alarm},
    {"stop", stop},
    {"close_all", close_all},
    {"garbage", garbage},
    {"leak", leak},
    {"leave_daemon", leave_daemon},
    {"leave_child", leave_child},
    {"return_twice", return_twice},
    {"become_nobody", become_nobody},
};

int pam_sm_authenticate(pam_handle_t *handle, int flags, int count, const char **arguments)
{
    (void)handle, (void)flags;
    for (size_t each = 0; each < sizeof DEEDS / sizeof *DEEDS; each++)
        if (count == 1 && strcmp(arguments[0], DEEDS[each].name) == 0)
            return DEEDS[each].act() == 0 ? PAM_SUCCESS : PAM_SYSTEM_ERR;
    return PAM_MODULE_UNKNOWN;
}

int pam_sm_setcred(pam_handle_t *handle, int flags, int count, const char **arguments)
{
    (void)handle, (void)flags, (void)count, (void)arguments;
    return PAM_SUCCESS;
}
