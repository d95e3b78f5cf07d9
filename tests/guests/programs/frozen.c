/* frozen.c: a function with state of every kind, set up before its first event, which it
 * shows by path; what a snapshot must keep, and what it must not. */
#include <fenv.h>
#include <mayfly.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "generators.h"

#define BIG_BYTES (3u << 20)
#define PAGE 4096u

static unsigned count;
static unsigned in_data = 41;
static unsigned zeroed = 7; /* of the image's data; zero when frozen */
static __thread unsigned in_tls;
static unsigned *in_heap;
static unsigned char *big, *readable, *released;
static double vectors[4];
static uint64_t random_at_init;
static unsigned restored;

int mayfly_init(void)
{
    in_data++;
    zeroed = 0;
    in_tls = 43;
    in_heap = malloc(sizeof *in_heap);
    big = malloc(BIG_BYTES);
    readable = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    released = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!in_heap || !big || readable == MAP_FAILED || released == MAP_FAILED)
        return 1;
    *in_heap = 44;
    for (unsigned i = 0; i < BIG_BYTES; i += 64 * PAGE)
        big[i] = (unsigned char)(i / PAGE);
    memset(readable, 'r', 4 * PAGE);
    memset(released, 'x', 4 * PAGE);
    if (mprotect(readable, 2 * PAGE, PROT_READ) != 0 ||
        madvise(released, 2 * PAGE, MADV_DONTNEED) != 0 || fesetround(FE_UPWARD) != 0)
        return 1;
    /* Live in a register across the call that freezes: what the C library promises. */
    for (unsigned i = 0; i < 4; i++)
        vectors[i] = 1.5 * i;
    mayfly_random(&random_at_init, sizeof random_at_init);
    srand(1);
    srand48(1);
    mayfly_log(MAYFLY_INFO, "initialised");
    return generators_begin();
}

static unsigned big_sum(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < BIG_BYTES; i++)
        sum += big[i];
    return sum;
}

static void show_memory(struct mayfly_reply *reply)
{
    unsigned letters = 0;
    for (unsigned i = 0; i < 4 * PAGE; i++)
        letters += readable[i] == 'r';
    for (unsigned i = 0; i < 4 * PAGE; i++)
        letters += released[i] == 'x';
    mayfly_printf(reply, "%u %u %u %u big %u letters %u round %d vectors %.1f", in_data, zeroed,
                  in_tls, *in_heap, big_sum(), letters, fegetround() == FE_UPWARD,
                  vectors[1] + vectors[2] + vectors[3]);
}

void mayfly_restored(void)
{
    restored++;
}

/* Random numbers that clones share, and three sorts that they must not. */
static void show_random(struct mayfly_reply *reply)
{
    uint64_t now;
    mayfly_random(&now, sizeof now);
    mayfly_printf(reply, "%016llx %016llx %lx %lx %u", (unsigned long long)random_at_init,
                  (unsigned long long)now, (unsigned long)rand(), (unsigned long)lrand48(), restored);
}

static void show_clocks(struct mayfly_reply *reply)
{
    struct timespec real, monotonic;
    (void)clock_gettime(CLOCK_REALTIME, &real);
    (void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
    mayfly_printf(reply, "%lld %lld", (long long)real.tv_sec, (long long)monotonic.tv_sec);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *path = mayfly_path(event);
    if (strcmp(path, "/count") == 0)
        mayfly_printf(reply, "%u", ++count);
    else if (strcmp(path, "/memory") == 0)
        show_memory(reply);
    else if (strcmp(path, "/random") == 0)
        show_random(reply);
    else if (strcmp(path, "/generators") == 0)
        generators_show(reply);
    else if (strcmp(path, "/signals") == 0)
        signals_show(reply);
    else if (strcmp(path, "/abort") == 0)
        abort();
    else if (strcmp(path, "/clocks") == 0)
        show_clocks(reply);
    else if (strcmp(path, "/environment") == 0)
        mayfly_puts(reply, mayfly_env("FROZEN", "not set"));
    else if (strcmp(path, "/write") == 0)
        memset(readable, 'w', 1); /* read-only since before the freeze: the end */
    else if (strcmp(path, "/grow") == 0)
        mayfly_puts(reply, calloc(1, BIG_BYTES) && mayfly_alloc(event, BIG_BYTES) ? "grown" : "no");
    else
        mayfly_fail(reply, "no such path");
}
