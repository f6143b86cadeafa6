/*
 * The raw limit of the machine: crypt_r with the given setting on every core, as libxcrypt does it and nothing else.
 * One line of JSON tells how many a second all cores together did.
 */
#define _GNU_SOURCE
#include <crypt.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *password, *stored;
static uint64_t end; /* of the run, by now() */

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void *run(void *argument)
{
    uint64_t *count = argument;
    struct crypt_data *data = calloc(1, sizeof *data);
    while (data && now() < end) {
        const char *hash = crypt_r(password, stored, data);
        if (!hash || strcmp(hash, stored) != 0)
            exit(1);
        (*count)++;
    }
    free(data);
    return NULL;
}

int main(int count, char **arguments)
{
    enum { MOST = 1024 };
    static pthread_t threads[MOST];
    static uint64_t counts[MOST * 16]; /* each on a cache line of its own */
    cpu_set_t cores;
    if (count != 4 || sched_getaffinity(0, sizeof cores, &cores) < 0) {
        fputs("usage: crypt_limit PASSWORD HASH MILLISECONDS\n", stderr);
        return 2;
    }
    password = arguments[1], stored = arguments[2];
    int all = CPU_COUNT(&cores) < MOST ? CPU_COUNT(&cores) : MOST;
    uint64_t began = now(), sum = 0;
    end = began + strtoull(arguments[3], NULL, 10) * 1000000u;
    for (int i = 0; i < all; i++)
        if (pthread_create(&threads[i], NULL, run, &counts[i * 16]) != 0)
            return 1;
    for (int i = 0; i < all; i++) {
        pthread_join(threads[i], NULL);
        sum += counts[i * 16];
    }
    printf("{\"rate\": %.2f}\n", (double)sum * 1e9 / (double)(now() - began));
    return 0;
}
