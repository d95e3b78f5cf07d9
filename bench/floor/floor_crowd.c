/*
 * floor_crowd.c: how long an event is on its way through a node whose instances are a crowd, with nothing of mayfly:
 * what the scheduler alone asks, by the crowd's slices and nice. A loop (a thread) hands work to sixteen processes,
 * which compute for a while, ring, and are handed more at once. Ten times a second a client writes to a front (a
 * thread), which tells the loop, which tells a writer (a thread), which tells the loop, which tells the front, which
 * answers: what an asynchronous call does until it is durable, but for the disk. `late` is what the client waits.
 * Slices: `all`, as the kernel gives them; `short`, 0.1 ms for everybody but the crowd, 3 for the crowd.
 * Argument: seconds for each row, 10.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "bench/floor/floor.h"
#include "node/slice.h"

#define CROWD 16u
#define SECONDS 10u
#define SECONDS_MAX 600ul
#define EVERY_NS (100 * MF_NS_PER_MS)
#define WORK_US 60u  /* an instance's, for one event     */
#define LOOP_US 40u  /* the loop's, for one of the crowd */
#define STEP_US 20u  /* of each step of the chain        */
#define CALIBRATE 20u

enum { BELL, WRITER, FRONT, ANSWER, CLIENT, CHAIN }; /* who is woken */

/* Of everybody. */
static struct shared {
    atomic_bool done[CROWD];
    atomic_bool said, durable; /* what the loop is told by the front, by the writer */
    atomic_bool over;
} *shared;

static int chain[CHAIN], work[CROWD];
static unsigned long steps_a_us;
static struct samples late_us;
static uint64_t from_ns, until_ns;

static void step(unsigned long count)
{
    for (volatile unsigned long i = 0; i < count; i++)
        ;
}

static void compute(unsigned us)
{
    step(us * steps_a_us);
}

/* The fastest of some: the others were interrupted. */
static void calibrate(void)
{
    const unsigned long count = 1000000;
    uint64_t least_ns = UINT64_MAX;
    for (unsigned i = 0; i < CALIBRATE; i++) {
        uint64_t began_ns = mf_monotonic_ns();
        step(count);
        uint64_t took_ns = mf_monotonic_ns() - began_ns;
        least_ns = took_ns < least_ns ? took_ns : least_ns;
    }
    steps_a_us = (unsigned long)(count * MF_NS_PER_US / least_ns);
}

static void wake(int bell)
{
    const uint64_t one = 1;
    FLOOR_NEED(write(bell, &one, sizeof one) == sizeof one, "eventfd");
}

static void wait_for(int bell)
{
    uint64_t count;
    FLOOR_NEED(read(bell, &count, sizeof count) == sizeof count, "eventfd");
}

static _Noreturn void instance(unsigned i)
{
    for (;;) {
        wait_for(work[i]);
        compute(WORK_US);
        atomic_store(&shared->done[i], true);
        wake(chain[BELL]);
    }
}

/* As many as it did are the return value. */
static void *loop(void *count)
{
    while (!atomic_load(&shared->over)) {
        wait_for(chain[BELL]);
        for (unsigned i = 0; i < CROWD; i++)
            if (atomic_exchange(&shared->done[i], false)) {
                compute(LOOP_US);
                wake(work[i]);
                ++*(unsigned long *)count;
            }
        if (atomic_exchange(&shared->said, false)) {
            compute(STEP_US);
            wake(chain[WRITER]);
        }
        if (atomic_exchange(&shared->durable, false)) {
            compute(STEP_US);
            wake(chain[ANSWER]);
        }
    }
    return NULL;
}

static void *writer(void *unused)
{
    for (;;) {
        wait_for(chain[WRITER]);
        if (atomic_load(&shared->over))
            return unused;
        compute(STEP_US);
        atomic_store(&shared->durable, true);
        wake(chain[BELL]);
    }
}

static void *front(void *unused)
{
    for (;;) {
        wait_for(chain[FRONT]);
        if (atomic_load(&shared->over))
            return unused;
        compute(STEP_US);
        atomic_store(&shared->said, true);
        wake(chain[BELL]);
        wait_for(chain[ANSWER]);
        compute(STEP_US);
        wake(chain[CLIENT]);
    }
}

static void *client(void *unused)
{
    for (uint64_t at_ns = from_ns; at_ns < until_ns; at_ns += EVERY_NS) {
        const struct timespec at = {(time_t)(at_ns / MF_NS_PER_S), (long)(at_ns % MF_NS_PER_S)};
        FLOOR_NEED(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0, "clock_nanosleep");
        uint64_t began_ns = mf_monotonic_ns();
        wake(chain[FRONT]);
        wait_for(chain[CLIENT]);
        double us = (double)(mf_monotonic_ns() - began_ns) / MF_NS_PER_US;
        FLOOR_NEED(samples_add(&late_us, us) == MF_OK, "memory");
    }
    return unused;
}

static void open_bells(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FLOOR_NEED(shared != MAP_FAILED, "mmap");
    for (unsigned i = 0; i < CHAIN; i++)
        FLOOR_NEED((chain[i] = eventfd(0, EFD_CLOEXEC)) >= 0, "eventfd");
    for (unsigned i = 0; i < CROWD; i++)
        FLOOR_NEED((work[i] = eventfd(0, EFD_CLOEXEC)) >= 0, "eventfd");
}

static void close_bells(void)
{
    for (unsigned i = 0; i < CHAIN; i++)
        (void)close(chain[i]);
    for (unsigned i = 0; i < CROWD; i++)
        (void)close(work[i]);
    (void)munmap(shared, sizeof *shared);
}

static void gather(pid_t crowd[static CROWD], uint64_t slice_ns, int nice)
{
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = fork();
        FLOOR_NEED(crowd[i] >= 0, "fork");
        if (crowd[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            slice_set(0, slice_ns, nice);
            instance(i);
        }
    }
}

static void end(const pid_t crowd[static CROWD], pthread_t threads[static 3])
{
    atomic_store(&shared->over, true);
    for (unsigned i = BELL; i <= FRONT; i++)
        wake(chain[i]);
    for (unsigned i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < CROWD; i++) {
        (void)kill(crowd[i], SIGKILL);
        (void)waitpid(crowd[i], NULL, 0);
    }
}

static void measure(unsigned long seconds, unsigned count, bool shorter, int nice)
{
    void *(*const run[])(void *) = {loop, writer, front};
    pid_t crowd[CROWD];
    pthread_t threads[3], caller;
    unsigned long did = 0;
    open_bells();
    gather(crowd, shorter ? MF_SLICE_LONG_NS : 0, nice);
    slice_set_own(shorter ? MF_SLICE_NS : 0);
    for (unsigned i = 0; i < 3; i++)
        FLOOR_NEED(pthread_create(&threads[i], NULL, run[i], &did) == 0, "a thread");
    for (unsigned i = 0; i < count; i++)
        wake(work[i]);
    from_ns = mf_monotonic_ns() + EVERY_NS;
    until_ns = from_ns + seconds * MF_NS_PER_S;
    FLOOR_NEED(pthread_create(&caller, NULL, client, NULL) == 0, "a thread");
    (void)pthread_join(caller, NULL);
    end(crowd, threads);
    printf("%5u %6s %5d %16.0f %9.0f %9.0f %10lu\n", count, shorter ? "short" : "all", nice,
           samples_percentile(&late_us, 50), samples_percentile(&late_us, 99), samples_percentile(&late_us, 100),
           did / seconds);
    samples_close(&late_us);
    late_us = (struct samples){0};
    close_bells();
}

int main(int argc, char **argv)
{
    const int nice[] = {0, 3, 5, 10};
    unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : SECONDS;
    if (seconds < 1 || seconds > SECONDS_MAX) {
        fprintf(stderr, "bench-floor-crowd [SECONDS]: 1 to %lu\n", SECONDS_MAX);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    calibrate();
    printf("crowd slices  nice late, us: median       p99     worst   events/s\n");
    measure(seconds, 0, false, 0);
    for (unsigned i = 0; i < sizeof nice / sizeof nice[0]; i++) {
        measure(seconds, CROWD, false, nice[i]);
        measure(seconds, CROWD, true, nice[i]);
    }
    return 0;
}
