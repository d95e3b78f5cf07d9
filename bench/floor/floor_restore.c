/*
 * floor_restore.c: what the system alone asks for a cold start by a snapshot in the process
 * sandbox: a process, the snapshot's mappings, a seccomp filter, and a copy-on-write fault for
 * every page that the start writes. No code of mayfly, no request, no namespaces.
 *
 *   forked   everything from the fork on is in the figure
 *   blank    the process is there already and sleeps: from waking it
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"

#define ROUNDS 300
#define PIECES 5          /* mappings of the file: text, data of kernel and program, heap */
#define PIECE_PAGES 32u
#define FILTER_WORDS 30u  /* begins as ours do, see floor_process.c */
#define SLEEP_US 2000     /* until the blank sleeps */

static struct shared {
    _Atomic uint32_t bell;
    _Atomic uint64_t at_ns;
} *shared;

static int snapshot;
static unsigned pages; /* that the start writes */

/* The window, and the file's pieces over it, as far apart as in an image. */
static volatile uint8_t *map_snapshot(void)
{
    const size_t piece = PIECE_PAGES * MF_PAGE_BYTES;
    uint8_t *window = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (window == MAP_FAILED)
        _exit(1);
    for (size_t i = 0; i < PIECES; i++)
        if (mmap(window + 4 * i * piece, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                 snapshot, (off_t)(i * piece)) == MAP_FAILED)
            _exit(1);
    return window;
}

static void attach_filter(void)
{
    struct sock_filter filter[FILTER_WORDS] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    size_t n = 2;
    for (uint32_t call = 1000; n < FILTER_WORDS - 1; call++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        _exit(1);
}

static void restore(void)
{
    volatile uint8_t *window = map_snapshot();
    attach_filter();
    for (unsigned page = 0; page < pages; page++) {
        size_t piece = page % PIECES, at = page / PIECES;
        window[(4 * piece * PIECE_PAGES + at) * MF_PAGE_BYTES]++;
    }
    atomic_store(&shared->at_ns, mf_monotonic_ns());
}

static uint64_t reap(pid_t pid, uint64_t from_ns)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
    }
    FLOOR_NEED(status == 0, "restore");
    return atomic_load(&shared->at_ns) - from_ns;
}

static uint64_t go_forked(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    pid_t pid = fork();
    FLOOR_NEED(pid >= 0, "fork");
    if (pid == 0) {
        restore();
        _exit(0);
    }
    return reap(pid, from_ns);
}

static uint64_t go_blank(void)
{
    atomic_store(&shared->bell, 0);
    pid_t pid = fork();
    FLOOR_NEED(pid >= 0, "fork");
    if (pid == 0) {
        while (!atomic_load(&shared->bell))
            (void)syscall(SYS_futex, &shared->bell, FUTEX_WAIT, 0, NULL, NULL, 0);
        restore();
        _exit(0);
    }
    usleep(SLEEP_US);
    uint64_t from_ns = mf_monotonic_ns();
    atomic_store(&shared->bell, 1);
    (void)syscall(SYS_futex, &shared->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    return reap(pid, from_ns);
}

static void make_snapshot(void)
{
    uint8_t page[MF_PAGE_BYTES];
    memset(page, 1, sizeof page);
    snapshot = memfd_create("snapshot", MFD_CLOEXEC);
    FLOOR_NEED(snapshot >= 0, "memfd_create");
    for (size_t i = 0; i < PIECES * PIECE_PAGES; i++)
        FLOOR_NEED(write(snapshot, page, sizeof page) == (ssize_t)sizeof page, "write");
}

static void measure_all(const char *where)
{
    static const unsigned counts[] = {0, 16, 32, 64};
    char what[64];
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        pages = counts[i];
        (void)snprintf(what, sizeof what, "forked, map, filter, %u pages%s", pages, where);
        floor_measure(what, ROUNDS, go_forked);
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        pages = counts[i];
        (void)snprintf(what, sizeof what, "blank, map, filter, %u pages%s", pages, where);
        floor_measure(what, ROUNDS, go_blank);
    }
}

int main(void)
{
    cpu_set_t first;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FLOOR_NEED(shared != MAP_FAILED, "memory");
    make_snapshot();
    printf("%-52s %9s %9s\n", "", "median us", "p99 us");
    measure_all("");
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sched_setaffinity(0, sizeof first, &first) == 0)
        measure_all(", one processor");
    return 0;
}
