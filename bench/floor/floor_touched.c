/*
 * floor_touched.c: what it is worth to prepare the pages that an event will touch, in the
 * process sandbox: a snapshot of 16 MiB of heap, mapped private; of it an event reads some
 * pages and writes half as many, scattered. Before it, by turns: nothing; the pages it writes
 * made own (MADV_POPULATE_WRITE, Linux 5.14), by a call for each stretch or by one for all
 * (process_madvise on oneself, Linux 6.13: elsewhere 0); the pages it reads mapped, too, by
 * a call for each, or for one of each sixteen that a fault maps at once; the pages it writes
 * read over anonymous memory; all of the heap mapped. The figure has mapping, preparation
 * and event. No code of mayfly, no request. docs/adr/0005 has the conclusions.
 */
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"

#define ROUNDS 101
#define HEAP_PAGES 4096u
#define HEAP_BYTES ((size_t)HEAP_PAGES * MF_PAGE_BYTES)
#define PAGES_MAX 1500u
#define STEP 1237u   /* odd: goes through all the pages before it comes to one again */
#define AROUND 16u   /* pages that a fault of a file's page maps, as they are aligned */
#define POPULATE_READ 22
#define POPULATE_WRITE 23

enum way {
    NOTHING,
    WRITTEN,
    WRITTEN_AT_ONCE,
    WRITTEN_AND_READ,
    WRITTEN_AND_AROUND,
    OVER_ANONYMOUS,
    ALL_MAPPED,
    WAYS
};
static const char *const way_name[WAYS] = {
    "nothing prepared",   "written pages",          "written pages, one call",
    "written and read",   "written, read by 16",    "written, over anonymous",
    "all mapped to be read"};

static int snapshot;
static enum way way;
static unsigned reads, writes;
static uint64_t *took_ns; /* shared */

static uint8_t *read_page(uint8_t *heap, unsigned number)
{
    return heap + (size_t)(number * STEP % HEAP_PAGES) * MF_PAGE_BYTES;
}

static uint8_t *written_page(uint8_t *heap, unsigned number)
{
    return read_page(heap, reads + number);
}

static bool own_at_once(uint8_t *heap)
{
    static struct iovec page[PAGES_MAX];
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    for (unsigned i = 0; i < writes; i++)
        page[i] = (struct iovec){written_page(heap, i), MF_PAGE_BYTES};
    return writes == 0 || syscall(SYS_process_madvise, self, page, writes, POPULATE_WRITE, 0) > 0;
}

static bool own(uint8_t *heap)
{
    bool done = true;
    for (unsigned i = 0; i < writes && done; i++)
        done = madvise(written_page(heap, i), MF_PAGE_BYTES, POPULATE_WRITE) == 0;
    return done;
}

static bool map_read(uint8_t *heap, unsigned apart)
{
    static bool mapped[HEAP_PAGES];
    bool done = true;
    for (unsigned i = 0; i < reads && done; i++) {
        size_t group = (size_t)(read_page(heap, i) - heap) / MF_PAGE_BYTES / apart;
        done = mapped[group] || madvise(read_page(heap, i), MF_PAGE_BYTES, POPULATE_READ) == 0;
        mapped[group] = true;
    }
    return done;
}

static bool copy_over(uint8_t *heap)
{
    bool done = true;
    for (unsigned i = 0; i < writes && done; i++) {
        uint8_t *page = written_page(heap, i);
        done = mmap(page, MF_PAGE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page &&
               pread(snapshot, page, MF_PAGE_BYTES, page - heap) == (ssize_t)MF_PAGE_BYTES;
    }
    return done;
}

static bool prepare(uint8_t *heap)
{
    switch (way) {
    case WRITTEN:
        return own(heap);
    case WRITTEN_AT_ONCE:
        return own_at_once(heap);
    case WRITTEN_AND_READ:
        return own(heap) && map_read(heap, 1);
    case WRITTEN_AND_AROUND:
        return own(heap) && map_read(heap, AROUND);
    case OVER_ANONYMOUS:
        return copy_over(heap);
    case ALL_MAPPED:
        return madvise(heap, HEAP_BYTES, POPULATE_READ) == 0;
    default:
        return true;
    }
}

_Noreturn static void restore(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    uint8_t *heap = mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                         snapshot, 0);
    if (heap == MAP_FAILED || !prepare(heap))
        _exit(1);
    for (unsigned i = 0; i < reads; i++)
        (void)*(volatile uint8_t *)read_page(heap, i);
    for (unsigned i = 0; i < writes; i++)
        ++*(volatile uint8_t *)written_page(heap, i);
    *took_ns = mf_monotonic_ns() - from_ns;
    _exit(0);
}

static uint64_t go(void)
{
    int status = 0;
    pid_t pid = fork();
    FLOOR_NEED(pid >= 0, "fork");
    if (pid == 0)
        restore();
    while (waitpid(pid, &status, 0) < 0) {
    }
    return status == 0 ? *took_ns : 0; /* else this system has no such call */
}

static void make_snapshot(void)
{
    char name[] = "floor-touched-XXXXXX"; /* where the files of a state directory would be */
    uint8_t page[MF_PAGE_BYTES];
    memset(page, 1, sizeof page);
    snapshot = mkstemp(name);
    FLOOR_NEED(snapshot >= 0 && unlink(name) == 0, "a file in the current directory");
    for (unsigned i = 0; i < HEAP_PAGES; i++)
        FLOOR_NEED(write(snapshot, page, sizeof page) == (ssize_t)sizeof page, "write");
    took_ns = mmap(NULL, sizeof *took_ns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FLOOR_NEED(took_ns != MAP_FAILED, "memory");
}

/* By turns, so that what else the machine does falls on all alike. */
static void measure(void)
{
    struct samples us[WAYS] = {0};
    for (unsigned round = 0; round < ROUNDS; round++)
        for (way = 0; way < WAYS; way++)
            if (samples_add(&us[way], (double)go() / (double)MF_NS_PER_US))
                exit(1);
    for (unsigned i = 0; i < WAYS; i++) {
        printf("%4u read, %4u written, %-25s %9.2f %9.2f\n", reads, writes, way_name[i],
               samples_percentile(&us[i], 50), samples_percentile(&us[i], 99));
        samples_close(&us[i]);
    }
}

int main(void)
{
    static const unsigned counts[] = {0, 50, 200, 1000};
    make_snapshot();
    printf("%-52s %9s %9s\n", "", "median us", "p99 us");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        reads = counts[i];
        writes = counts[i] / 2;
        measure();
    }
    return 0;
}
