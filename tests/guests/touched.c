/*
 * touched.c: pages that are prepared before the first event: as seen of an instance without,
 * the event finds what it would find anyway; and so it does with files that name everything,
 * nothing, or are none.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/channel.h"
#include "image/snapshot.h"
#include "image/touched.h"
#include "node/instance/look.h"
#include "snapshots.h"

#define WINDOW (16ull << 20) /* of the images here: manifest.json.in         */
#define WANTED_PAGES 64u     /* that large.c writes                          */
#define LOOK_US 2000         /* between two looks at an instance that starts */

struct made {
    struct mf_touched head;
    struct mf_touched_run run[MF_TOUCHED_RUNS_MAX];
};

static struct made made;

/* A file of made's first count runs, of this snapshot. */
static int make(int snapshot_fd, uint32_t count)
{
    struct mf_snapshot snapshot = {0};
    const struct touched touched = {.head = &made.head, .runs = made.run};
    (void)!pread(snapshot_fd, &snapshot, sizeof snapshot, 0);
    made.head = (struct mf_touched){.magic = MF_TOUCHED_MAGIC,
                                    .abi_version = MF_ABI_VERSION,
                                    .run_count = count,
                                    .samples = MF_TOUCHED_SAMPLES,
                                    .window_bytes = snapshot.window_bytes};
    memcpy(made.head.snapshot, snapshot.digest, sizeof snapshot.digest);
    touched_digest(&touched, made.head.digest);
    int fd = memfd_create("touched", MFD_CLOEXEC);
    (void)!write(fd, &made, sizeof made.head + count * sizeof made.run[0]);
    return fd;
}

static mf_err look(const struct harness *harness, struct mf_touched_run *runs, uint32_t *count)
{
    return look_touched(harness->victim.blank.pid, harness->host.spawner.pid, harness->sandbox,
                        WINDOW, runs, count);
}

static void get(struct harness *harness, const char *detail, const char *expected)
{
    char outcome[OUTCOME_BYTES];
    victim_get(harness, "/", NULL, 0, CASE_NS, outcome);
    judge(harness, "touched pages", detail, outcome, expected);
}

/* Twice: what the first event wrote is there, and it alone. */
static void is_right(struct harness *harness, const char *detail, int image_fd, int snapshot_fd,
                     int touched_fd)
{
    if (!snapshots_restore(harness, image_fd, snapshot_fd, touched_fd)) {
        judge(harness, "touched pages", detail, "cannot be restored", "goes on");
        return;
    }
    get(harness, detail, "replies 0 wrong, event 1");
    get(harness, detail, "replies 0 wrong, event 2");
}

/* How many pages of the list the instance has of its own before it has an event. */
static uint32_t prepared(struct harness *harness, uint32_t count)
{
    static struct mf_touched_run now[MF_TOUCHED_RUNS_MAX], common[MF_TOUCHED_RUNS_MAX];
    uint64_t until_ns = mf_monotonic_ns() + CASE_NS;
    uint32_t pages = 0, found = 0;
    while (pages < WANTED_PAGES && mf_monotonic_ns() < until_ns) {
        session_step(&harness->host, mf_monotonic_ns()); /* its pid comes */
        if (harness->victim.blank.pid > 0 && look(harness, now, &found) == MF_OK) {
            uint32_t both = touched_common(now, found, made.run, count, common);
            pages = 0;
            for (uint32_t i = 0; i < both; i++)
                pages += common[i].pages;
        }
        (void)usleep(LOOK_US);
    }
    return pages;
}

static void as_seen(struct harness *harness, int image_fd, int snapshot_fd)
{
    uint32_t count = 0;
    is_right(harness, "without", image_fd, snapshot_fd, -1);
    mf_err err = look(harness, made.run, &count);
    if (err == MF_EUNSUPPORTED)
        return; /* Linux before 6.7 */
    int touched_fd = make(snapshot_fd, count);
    is_right(harness, "as seen", image_fd, snapshot_fd, touched_fd);
    (void)snapshots_restore(harness, image_fd, snapshot_fd, touched_fd);
    judge(harness, "touched pages", "are there before the event",
          prepared(harness, count) >= WANTED_PAGES ? "all" : "not all", "all");
    get(harness, "as seen, after a look", "replies 0 wrong, event 1");
    close_image(touched_fd);
}

/* Pages of [from, to), as many as there may be. */
static uint32_t all_of(uint32_t from, uint32_t to, uint32_t apart)
{
    uint32_t count = 0;
    for (uint32_t page = from; page < to && count < MF_TOUCHED_RUNS_MAX; page += apart)
        made.run[count++] = (struct mf_touched_run){page, 1};
    return count;
}

static uint32_t one_of(uint32_t page, uint32_t pages)
{
    made.run[0] = (struct mf_touched_run){page, pages};
    return 1;
}

static void of_hostile(struct harness *harness, int image_fd, int snapshot_fd)
{
    const uint32_t first = MF_KERNEL_BASE / MF_PAGE_BYTES;
    const uint32_t end = (uint32_t)((WINDOW - MF_CHANNEL_BYTES) / MF_PAGE_BYTES);
    struct {
        const char *what;
        int fd;
    } files[] = {
        {"all low pages, text too", make(snapshot_fd, all_of(first, end, 1))},
        {"pages of all of the window", make(snapshot_fd, all_of(first, end, 8))},
        {"nothing", make(snapshot_fd, 0)},
        {"out of bounds", make(snapshot_fd, all_of(end - 3, end + 3, 1))},
        {"one run of everything", make(snapshot_fd, one_of(first, end - first))},
        {"cut off", make(snapshot_fd, 9)},
        {"of another snapshot", make(snapshot_fd, 1)},
        {"empty", memfd_create("empty", MFD_CLOEXEC)},
        {"the snapshot itself", dup(snapshot_fd)},
    };
    (void)!ftruncate(files[5].fd, 100);
    (void)!pwrite(files[6].fd, "other", 5, offsetof(struct mf_touched, snapshot));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        is_right(harness, files[i].what, image_fd, snapshot_fd, files[i].fd);
        close_image(files[i].fd);
    }
}

/* What may not be written, may not be written when it is prepared for that. */
static void gives_no_right(struct harness *harness)
{
    char outcome[OUTCOME_BYTES];
    const uint32_t first = MF_KERNEL_BASE / MF_PAGE_BYTES;
    int image_fd = open_image(harness->images, "frozen");
    int snapshot_fd = snapshots_freeze(harness, harness->sandbox, image_fd);
    int touched_fd = make(snapshot_fd, all_of(first, first + MF_TOUCHED_RUNS_MAX, 1));
    (void)snapshots_restore(harness, image_fd, snapshot_fd, touched_fd);
    victim_get(harness, "/write", NULL, 0, CASE_NS, outcome);
    judge(harness, "touched pages", "read-only stays so", outcome, "dies page-fault");
    close_image(touched_fd);
    close_image(snapshot_fd);
    close_image(image_fd);
}

void test_touched(struct harness *harness)
{
    if (!wanted(harness, "touched pages"))
        return;
    int image_fd = open_image(harness->images, "large");
    int snapshot_fd = snapshots_freeze(harness, harness->sandbox, image_fd);
    as_seen(harness, image_fd, snapshot_fd);
    of_hostile(harness, image_fd, snapshot_fd);
    victim_close(harness);
    close_image(snapshot_fd);
    close_image(image_fd);
    gives_no_right(harness);
    victim_close(harness);
}
