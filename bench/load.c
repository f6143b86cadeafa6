/*
 * Load on a saslauthd socket, as libsasl makes it: threads with blocking sockets, a connection for each request,
 * one writev, then the count, then the answer. Every answer is compared with the expected one, and the first that is
 * another ends the run. One line of JSON tells how long the answers took.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FIELDS = 4, FIELD_MAX = 2048, ANSWER_MAX = 1023, NUMBER_DIGITS = 20, PATIENCE = 20 /* seconds for an answer */ };

static const char usage[] =
    "usage: load -s SOCKET -u USER -p PASSWORD [-r REALM] [-S SERVICE] [-e OK|NO] [-c CLIENTS]\n"
    "            [-t MILLISECONDS | -n REQUESTS] [-N USERS [-O]] [-R RATE] [-T]\n"
    "With -N, each request takes a number below USERS, in random order, for %d in USER and PASSWORD;\n"
    "where there are enough of them, no two clients take the same; -O: one number after the other.\n"
    "-R: so many requests a second from all clients together, and not as many as they can.\n"
    "-T: a temporary failure is counted and ends nothing.\n";

static struct {
    struct sockaddr_un address;
    const char *fields[FIELDS]; /* in the order of the protocol: user, password, service, realm */
    const char *expected;
    long clients, milliseconds, requests, users, rate;
    bool ordered, tolerant;
} options = {.fields = {"", "", "smtp", ""}, .expected = "OK", .clients = 1, .milliseconds = 1000};

struct client {
    pthread_t thread;
    long index;
    uint64_t random; /* state of a xorshift generator, never 0 */
    uint64_t *latencies; /* nanoseconds */
    size_t answers, room;
    long requests; /* that it has to make, where the run has no end */
    long errors, temporary;
};

struct request {
    uint16_t counts[FIELDS];
    char texts[FIELDS][FIELD_MAX + NUMBER_DIGITS];
    struct iovec pieces[2 * FIELDS];
};

static pthread_barrier_t start;
static uint64_t began, end; /* of the run, by now() */

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _exit(1);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t random_below(struct client *client, uint64_t bound)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return client->random % bound;
}

/* Copies a field with the number in the place of its first %d. */
static size_t fill(char *text, const char *field, long number)
{
    const char *place = options.users ? strstr(field, "%d") : NULL;
    if (!place)
        return (size_t)(stpcpy(text, field) - text);
    memcpy(text, field, (size_t)(place - field));
    char *behind = text + (place - field);
    behind += sprintf(behind, "%ld", number);
    return (size_t)(stpcpy(behind, place + 2) - text);
}

/* What two ask at the same moment a daemon may check once: each client has users of its own. */
static long random_user(struct client *client)
{
    if (options.users < options.clients)
        return (long)random_below(client, (uint64_t)options.users);
    return (long)random_below(client, (uint64_t)(options.users / options.clients)) * options.clients + client->index;
}

static void encode(struct request *request, struct client *client, long turn)
{
    long number = 0;
    if (options.users)
        number = options.ordered ? (turn * options.clients + client->index) % options.users : random_user(client);
    for (int i = 0; i < FIELDS; i++) {
        size_t length = fill(request->texts[i], options.fields[i], number);
        request->counts[i] = htons((uint16_t)length);
        request->pieces[2 * i] = (struct iovec){&request->counts[i], sizeof request->counts[i]};
        request->pieces[2 * i + 1] = (struct iovec){request->texts[i], length};
    }
}

static int open_connection(void)
{
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0)
        fail("socket: %s", strerror(errno));
    struct timeval patience = {.tv_sec = PATIENCE};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(connection, (struct sockaddr *)&options.address, sizeof options.address) == 0)
        return connection;
    close(connection);
    return -1;
}

static bool read_all(int connection, void *buffer, size_t wanted)
{
    for (size_t got = 0; got < wanted;) {
        ssize_t more = read(connection, (char *)buffer + got, wanted - got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

/* Gives false where there is no whole answer; ends the run where it is another than expected. */
static bool exchange(int connection, struct request *request, struct client *client)
{
    unsigned char count[2];
    char answer[ANSWER_MAX + 1] = "";
    if (writev(connection, request->pieces, 2 * FIELDS) < 0 || !read_all(connection, count, sizeof count))
        return false;
    size_t length = (size_t)count[0] << 8 | count[1];
    if (length > ANSWER_MAX || !read_all(connection, answer, length))
        return false;
    if (!length && options.tolerant) {
        client->temporary++;
        return true;
    }
    if (strncmp(answer, options.expected, strlen(options.expected)) != 0)
        fail("user %s, realm %s: expected %s, got %s", request->texts[0], request->texts[3], options.expected,
             length ? answer : "a temporary failure");
    return true;
}

static void record(struct client *client, uint64_t latency)
{
    if (client->answers == client->room) {
        client->room = client->room ? 2 * client->room : 65536;
        client->latencies = realloc(client->latencies, client->room * sizeof *client->latencies);
        if (!client->latencies)
            fail("out of memory");
    }
    client->latencies[client->answers++] = latency;
}

static void ask(struct client *client, long turn)
{
    struct request request;
    encode(&request, client, turn);
    uint64_t asked = now();
    int connection = open_connection();
    if (connection >= 0 && exchange(connection, &request, client))
        record(client, now() - asked);
    else
        client->errors++;
    if (connection >= 0)
        close(connection);
}

/* Clients take turns, evenly over each second; who is late does not wait. */
static void wait_for_turn(const struct client *client, long turn)
{
    if (!options.rate)
        return;
    uint64_t number = (uint64_t)(turn * options.clients + client->index);
    uint64_t due = began + number * 1000000000u / (uint64_t)options.rate;
    struct timespec time = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void *run(void *argument)
{
    struct client *client = argument;
    pthread_barrier_wait(&start);
    for (long i = 0; options.requests ? i < client->requests : now() < end; i++) {
        wait_for_turn(client, i);
        ask(client, i);
    }
    return NULL;
}

static long number(const char *text, long lowest, long highest)
{
    char *behind;
    errno = 0;
    long value = strtol(text, &behind, 10);
    if (errno || *behind || behind == text || value < lowest || value > highest)
        fail("expected a number from %ld to %ld, got %s", lowest, highest, text);
    return value;
}

static const char *field(const char *text)
{
    if (strlen(text) > FIELD_MAX - 1)
        fail("expected at most %d bytes in a field, got %zu", FIELD_MAX - 1, strlen(text));
    return text;
}

static void set_socket(const char *path)
{
    if (strlen(path) >= sizeof options.address.sun_path)
        fail("expected a path of at most %zu bytes, got %s", sizeof options.address.sun_path - 1, path);
    options.address.sun_family = AF_UNIX;
    strcpy(options.address.sun_path, path);
}

static void read_options(int count, char **arguments)
{
    for (int option; (option = getopt(count, arguments, "s:u:p:r:S:e:c:t:n:N:OR:T")) != -1;) {
        switch (option) {
        case 's': set_socket(optarg); break;
        case 'u': options.fields[0] = field(optarg); break;
        case 'p': options.fields[1] = field(optarg); break;
        case 'S': options.fields[2] = field(optarg); break;
        case 'r': options.fields[3] = field(optarg); break;
        case 'e': options.expected = optarg; break;
        case 'c': options.clients = number(optarg, 1, 4096); break;
        case 't': options.milliseconds = number(optarg, 1, 86400000); break;
        case 'n': options.requests = number(optarg, 1, 1000000000); break;
        case 'N': options.users = number(optarg, 1, 1000000000); break;
        case 'O': options.ordered = true; break;
        case 'R': options.rate = number(optarg, 1, 1000000); break;
        case 'T': options.tolerant = true; break;
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (optind != count || !options.address.sun_family || !*options.fields[0]) {
        fputs(usage, stderr);
        exit(2);
    }
}

static struct client *run_clients(void)
{
    struct client *clients = calloc((size_t)options.clients, sizeof *clients);
    if (!clients)
        fail("out of memory");
    pthread_barrier_init(&start, NULL, (unsigned)options.clients + 1);
    for (long i = 0; i < options.clients; i++) {
        clients[i].index = i;
        clients[i].random = 0x9E3779B97F4A7C15u * (uint64_t)(i + 1);
        clients[i].requests = options.requests / options.clients + (i < options.requests % options.clients);
        int error = pthread_create(&clients[i].thread, NULL, run, &clients[i]);
        if (error)
            fail("thread: %s", strerror(error));
    }
    began = now();
    end = began + (uint64_t)options.milliseconds * 1000000u;
    pthread_barrier_wait(&start);
    for (long i = 0; i < options.clients; i++)
        pthread_join(clients[i].thread, NULL);
    return clients;
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static double quantile(const struct client *all, double share) /* microseconds */
{
    if (!all->answers)
        return 0;
    return (double)all->latencies[(size_t)(share * (double)(all->answers - 1) + 0.5)] / 1000;
}

int main(int count, char **arguments)
{
    read_options(count, arguments);
    struct client *clients = run_clients(), all = {0};
    double seconds = (double)(now() - began) / 1e9;
    for (long i = 0; i < options.clients; i++) {
        for (size_t j = 0; j < clients[i].answers; j++)
            record(&all, clients[i].latencies[j]);
        all.errors += clients[i].errors;
        all.temporary += clients[i].temporary;
        free(clients[i].latencies);
    }
    free(clients);
    if (all.answers)
        qsort(all.latencies, all.answers, sizeof *all.latencies, compare);
    printf("{\"answers\": %zu, \"errors\": %ld, \"temporary\": %ld, \"seconds\": %.3f, \"rate\": %.1f, \"p50\": %.1f, \"p99\": %.1f, "
           "\"p999\": %.1f, \"max\": %.1f}\n",
           all.answers, all.errors, all.temporary, seconds, (double)all.answers / seconds, quantile(&all, 0.5), quantile(&all, 0.99),
           quantile(&all, 0.999), quantile(&all, 1));
    free(all.latencies);
    return 0;
}
