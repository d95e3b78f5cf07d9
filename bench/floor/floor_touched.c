/*
 * floor_touched.c: what it is worth to prepare the pages that an event will touch, in the
 * process sandbox: a snapshot of 16 MiB of heap, mapped private; of it an event reads some
 * pages and writes half as many, scattered. Before it, by turns: nothing; the pages it writes
 * made own (MADV_POPULATE_WRITE, Linux 5.14), by a call for each stretch or by one for all
 * (process_madvise, which takes this advice since 6.13); the pages it reads mapped, too;
 * written pages read over anonymous memory. The figure has mapping, preparation and event.
 * No code of mayfly, no request. docs/adr/0005 has the conclusions.
 */
#include <errno.h>
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
#define PAGES_MAX 1000u
#define POPULATE_READ 22  /* MADV_POPULATE_READ  */
#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE */

enum way { NOTHING, WRITTEN, WRITTEN_AT_ONCE, WRITTEN_AND_READ, OVER_ANONYMOUS, ALL_MAPPED, WAYS };
static const char *const way_name[WAYS] = {
    "nothing prepared",        "written pages",           "written pages, one call",
    "written and read pages",  "written, over anonymous", "all mapped to be read",
};

static struct {
    int snapshot, self;
    unsigned read, written;
    bool in_pairs; /* pages that are written stand in twos */
    enum way way;
    uint64_t *took_ns; /* shared */
} at;

static uint16_t order[HEAP_PAGES]; /* a permutation: which pages are touched, scattered */
static uint16_t sorted[PAGES_MAX]; /* those written */

static int by_number(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void choose(void)
{
    uint64_t state = 88172645463325252ull;
    for (unsigned i = 0; i < HEAP_PAGES; i++)
        order[i] = (uint16_t)i;
    for (unsigned i = HEAP_PAGES - 1; i > 0; i--) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        unsigned k = (unsigned)(state % (i + 1));
        uint16_t was = order[i];
        order[i] = order[k];
        order[k] = was;
    }
}

static void choose_written(void)
{
    for (unsigned i = 0; i < at.written; i++)
        sorted[i] = at.in_pairs && i % 2 ? (uint16_t)((order[i - 1]) ^ 1) : order[i];
    qsort(sorted, at.written, sizeof *sorted, by_number);
}

static uint8_t *page_at(uint8_t *heap, unsigned page)
{
    return heap + (size_t)page * MF_PAGE_BYTES;
}

/* Stretches of the pages written. */
static unsigned stretches(uint8_t *heap, struct iovec *stretch)
{
    unsigned count = 0;
    for (unsigned i = 0; i < at.written; i++) {
        uint8_t *page = page_at(heap, sorted[i]);
        if (count && (uint8_t *)stretch[count - 1].iov_base + stretch[count - 1].iov_len == page)
            stretch[count - 1].iov_len += MF_PAGE_BYTES;
        else
            stretch[count++] = (struct iovec){page, MF_PAGE_BYTES};
    }
    return count;
}

static bool prepare(uint8_t *heap)
{
    static struct iovec stretch[PAGES_MAX];
    unsigned count = stretches(heap, stretch);
    bool done = true;
    switch (at.way) {
    case NOTHING:
        return true;
    case WRITTEN_AT_ONCE:
        return syscall(SYS_process_madvise, at.self, stretch, count, POPULATE_WRITE, 0) > 0;
    case ALL_MAPPED:
        return madvise(heap, HEAP_PAGES * MF_PAGE_BYTES, POPULATE_READ) == 0;
    case OVER_ANONYMOUS:
        for (unsigned i = 0; done && i < count; i++)
            done = mmap(stretch[i].iov_base, stretch[i].iov_len, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED &&
                   pread(at.snapshot, stretch[i].iov_base, stretch[i].iov_len,
                         (uint8_t *)stretch[i].iov_base - heap) > 0;
        return done;
    default:
        for (unsigned i = 0; done && i < count; i++)
            done = madvise(stretch[i].iov_base, stretch[i].iov_len, POPULATE_WRITE) == 0;
        for (unsigned i = 0; done && at.way == WRITTEN_AND_READ && i < at.read; i++)
            done = madvise(page_at(heap, order[PAGES_MAX + i]), MF_PAGE_BYTES, POPULATE_READ) == 0;
        return done;
    }
}

static void event(volatile uint8_t *heap)
{
    for (unsigned i = 0; i < at.read; i++)
        (void)heap[(size_t)order[PAGES_MAX + i] * MF_PAGE_BYTES];
    for (unsigned i = 0; i < at.written; i++)
        heap[(size_t)sorted[i] * MF_PAGE_BYTES]++;
}

static uint64_t go(void)
{
    pid_t pid = fork();
    FLOOR_NEED(pid >= 0, "fork");
    if (pid == 0) {
        at.self = (int)syscall(SYS_pidfd_open, getpid(), 0);
        (void)mmap(NULL, MF_PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        uint64_t from_ns = mf_monotonic_ns();
        uint8_t *heap = mmap(NULL, HEAP_PAGES * MF_PAGE_BYTES, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_NORESERVE, at.snapshot, 0);
        if (heap == MAP_FAILED || !prepare(heap))
            _exit(1);
        event(heap);
        *at.took_ns = mf_monotonic_ns() - from_ns;
        _exit(0);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
    }
    if (status != 0)
        *at.took_ns = 0; /* this system has no such call */
    return *at.took_ns;
}

static void make_snapshot(void)
{
    char name[] = "floor-touched-XXXXXX"; /* where the files of a state directory would be */
    uint8_t page[MF_PAGE_BYTES];
    memset(page, 1, sizeof page);
    at.snapshot = mkstemp(name);
    FLOOR_NEED(at.snapshot >= 0 && unlink(name) == 0, "a file in the current directory");
    for (unsigned i = 0; i < HEAP_PAGES; i++)
        FLOOR_NEED(write(at.snapshot, page, sizeof page) == (ssize_t)sizeof page, "write");
    at.took_ns = mmap(NULL, sizeof *at.took_ns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    FLOOR_NEED(at.took_ns != MAP_FAILED, "memory");
}

/* By turns, so that what else the machine does falls on all alike. */
static void measure(void)
{
    struct samples us[WAYS] = {0};
    for (unsigned round = 0; round < ROUNDS; round++)
        for (at.way = 0; at.way < WAYS; at.way++)
            if (samples_add(&us[at.way], (double)go() / (double)MF_NS_PER_US))
                exit(1);
    for (unsigned way = 0; way < WAYS; way++) {
        printf("%4u read, %4u written%s, %-26s %9.2f %9.2f\n", at.read, at.written,
               at.in_pairs ? " in twos" : "        ", way_name[way],
               samples_percentile(&us[way], 50), samples_percentile(&us[way], 99));
        samples_close(&us[way]);
    }
}

int main(void)
{
    static const unsigned counts[] = {0, 50, 200, 1000};
    make_snapshot();
    choose();
    printf("%-62s %9s %9s\n", "", "median us", "p99 us");
    for (unsigned twos = 0; twos < 2; twos++)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            at.in_pairs = twos;
            at.read = counts[i];
            at.written = counts[i] / 2;
            choose_written();
            measure();
        }
    return 0;
}
