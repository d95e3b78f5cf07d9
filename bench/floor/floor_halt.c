/*
 * floor_halt.c: how long this machine stands still with nothing of ours to blame. On each processor one
 * thread spins and another one sleeps, to wake every 100 ms: as an event that comes ten times a second does beside
 * a function that computes. Late is what the sleeper was woken behind its time, a tick or two of the scheduler where
 * nothing else runs. A halt is a step of the clock between two looks of the spinner during which its own kernel switched
 * to nobody: then no task of the machine ran on that processor, whatever it was; what of it the machine's own host
 * admits to is `stolen` (proc(5), steal). And the disk: each event is durable before it runs, and what a page's
 * fdatasync(2) waits for may be what other programs have written. Arguments: seconds, 20; a folder of the disk, the present one.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/floor/floor.h"

#define EVERY_NS (100 * MF_NS_PER_MS)
#define SECONDS 20u
#define SECONDS_MAX 3600ul
#define PROCESSORS_MAX 64
#define PAGE_BYTES 4096
#define FILE_PAGES 64 /* written in turn */
#define HALT_NS (1 * MF_NS_PER_MS) /* shorter steps are interrupts */

struct side {
    unsigned processor;
    uint64_t halt_ns, halted_ns; /* the longest, all of them; by the spinner */
    unsigned halts;
    struct samples late_us;
    pthread_t spinner, sleeper;
};

static struct samples disk_us;
static atomic_bool over;
static uint64_t from_ns, until_ns;

static void pin(unsigned processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    FLOOR_NEED(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

static long switches(void)
{
    struct rusage usage;
    FLOOR_NEED(getrusage(RUSAGE_THREAD, &usage) == 0, "getrusage");
    return usage.ru_nivcsw + usage.ru_nvcsw;
}

static void *spin(void *context)
{
    struct side *side = context;
    pin(side->processor);
    long switched = switches();
    uint64_t before_ns = mf_monotonic_ns();
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
        uint64_t now_ns = mf_monotonic_ns(), step_ns = now_ns - before_ns;
        before_ns = now_ns;
        if (step_ns < HALT_NS)
            continue;
        long now = switches();
        if (now == switched) {
            side->halts++;
            side->halted_ns += step_ns;
            side->halt_ns = step_ns > side->halt_ns ? step_ns : side->halt_ns;
        }
        switched = now;
        before_ns = mf_monotonic_ns();
    }
    return NULL;
}

static void sleep_until(uint64_t at_ns)
{
    const struct timespec at = {(time_t)(at_ns / MF_NS_PER_S), (long)(at_ns % MF_NS_PER_S)};
    FLOOR_NEED(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0, "clock_nanosleep");
}

static void *wake(void *context)
{
    struct side *side = context;
    pin(side->processor);
    for (uint64_t at_ns = from_ns + EVERY_NS; at_ns < until_ns; at_ns += EVERY_NS) {
        sleep_until(at_ns);
        FLOOR_NEED(samples_add(&side->late_us, (double)(mf_monotonic_ns() - at_ns) / MF_NS_PER_US) == MF_OK,
                   "memory");
    }
    return NULL;
}

static void *write_pages(void *context)
{
    static uint8_t page[PAGE_BYTES];
    int fd = *(const int *)context;
    for (uint64_t at_ns = from_ns + EVERY_NS; at_ns < until_ns; at_ns += EVERY_NS) {
        sleep_until(at_ns);
        uint64_t began_ns = mf_monotonic_ns();
        memset(page, (int)(at_ns / EVERY_NS % 255), sizeof page);
        off_t at = (off_t)(at_ns / EVERY_NS % FILE_PAGES * PAGE_BYTES);
        FLOOR_NEED(pwrite(fd, page, sizeof page, at) == sizeof page && fdatasync(fd) == 0, "the disk");
        FLOOR_NEED(samples_add(&disk_us, (double)(mf_monotonic_ns() - began_ns) / MF_NS_PER_US) == MF_OK, "memory");
    }
    return NULL;
}

static int open_file(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    FLOOR_NEED(fd >= 0 && posix_fallocate(fd, 0, (off_t)FILE_PAGES * PAGE_BYTES) == 0 && fsync(fd) == 0, folder);
    return fd;
}

/* Hundredths of a second that the host gave to others, of that processor. */
static unsigned long long stolen(unsigned processor)
{
    char line[256], name[16];
    unsigned long long steal = 0;
    FILE *file = fopen("/proc/stat", "re");
    FLOOR_NEED(file, "/proc/stat");
    (void)snprintf(name, sizeof name, "cpu%u ", processor);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            (void)sscanf(line, "%*s %*u %*u %*u %*u %*u %*u %*u %llu", &steal);
    (void)fclose(file);
    return steal;
}

static int choose(struct side sides[static PROCESSORS_MAX])
{
    cpu_set_t set;
    int count = 0;
    FLOOR_NEED(sched_getaffinity(0, sizeof set, &set) == 0, "sched_getaffinity");
    for (unsigned i = 0; i < CPU_SETSIZE && count < PROCESSORS_MAX; i++)
        if (CPU_ISSET(i, &set))
            sides[count++] = (struct side){.processor = i};
    return count;
}

int main(int argc, char **argv)
{
    static struct side sides[PROCESSORS_MAX];
    unsigned long long before[PROCESSORS_MAX];
    unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : SECONDS;
    int count = choose(sides);
    if (seconds < 1 || seconds > SECONDS_MAX) {
        fprintf(stderr, "bench-floor-halt [SECONDS [FOLDER]]: 1 to %lu\n", SECONDS_MAX);
        return 2;
    }
    int fd = open_file(argc > 2 ? argv[2] : ".");
    pthread_t disk;
    from_ns = mf_monotonic_ns();
    until_ns = from_ns + seconds * MF_NS_PER_S;
    for (int i = 0; i < count; i++) {
        before[i] = stolen(sides[i].processor);
        FLOOR_NEED(pthread_create(&sides[i].spinner, NULL, spin, &sides[i]) == 0, "a thread");
        FLOOR_NEED(pthread_create(&sides[i].sleeper, NULL, wake, &sides[i]) == 0, "a thread");
    }
    FLOOR_NEED(pthread_create(&disk, NULL, write_pages, &fd) == 0, "a thread");
    for (int i = 0; i < count; i++)
        (void)pthread_join(sides[i].sleeper, NULL);
    (void)pthread_join(disk, NULL);
    atomic_store(&over, true);
    printf("processor   late, us: median       p99     worst   halts  longest, us   all, ms   stolen, ms\n");
    for (int i = 0; i < count; i++) {
        struct side *side = &sides[i];
        (void)pthread_join(side->spinner, NULL);
        printf("%9u %18.0f %9.0f %9.0f %7u %12.0f %9.1f %12llu\n", side->processor,
               samples_percentile(&side->late_us, 50), samples_percentile(&side->late_us, 99),
               samples_percentile(&side->late_us, 100), side->halts, (double)side->halt_ns / MF_NS_PER_US,
               (double)side->halted_ns / MF_NS_PER_MS, 10 * (stolen(side->processor) - before[i]));
        samples_close(&side->late_us);
    }
    printf("     disk %18.0f %9.0f %9.0f\n", samples_percentile(&disk_us, 50), samples_percentile(&disk_us, 99),
           samples_percentile(&disk_us, 100));
    samples_close(&disk_us);
    (void)close(fd);
    return 0;
}
