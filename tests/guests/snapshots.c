/*
 * snapshots.c: a function frozen under one sandbox, restored under either: what it has
 * set up is there, and what no two clones may share is not. Then snapshots that are not
 * what they should be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "snapshots.h"
#include "image/snapshot.h"
#include "node/instance/freeze.h"
#include "programs/generators.h"

#define LOOK_NS (5 * MF_NS_PER_MS) /* a session's step ends by events and ends, not by FROZEN */

static const char environment[] = "FROZEN=cold";

/* Wait for FROZEN, and read the guest out to a new file. */
static mf_err read_out(struct harness *harness, int image_fd, const struct session *session, int fd,
                       struct mf_why *why)
{
    struct image_file file;
    uint64_t until_ns = mf_monotonic_ns() + CASE_NS;
    while (!session->frozen && session->state != SESSION_ENDED && mf_monotonic_ns() < until_ns)
        session_step(&harness->host, mf_monotonic_ns() + LOOK_NS);
    if (!session->frozen)
        return mf_why(why, MF_EDEAD, "it was never frozen");
    mf_err err = image_open(image_fd, false, &file, why);
    if (err)
        return err;
    const struct freeze_order order = {
        .pid = session->blank.pid,
        .parent = harness->host.spawner.pid,
        .sandbox = session->blank.sandbox,
        .window_bytes = file.image.info.window_bytes,
        .jit = harness->jit,
        .image = &file.image,
        .ranges = (const struct mf_range *)(const void *)session->ranges.data,
        .range_count = (uint32_t)(session->ranges.bytes / sizeof(struct mf_range)),
    };
    err = freeze_write(&order, fd, why);
    image_close(&file);
    return err;
}

int snapshots_freeze(struct harness *harness, enum mf_sandbox sandbox, int image_fd)
{
    struct mf_why why = {{0}};
    struct session session;
    const struct session_options options = {.sandbox = sandbox,
                                            .image_fd = image_fd,
                                            .flags = MF_START_FREEZE |
                                                     (harness->jit ? MF_START_JIT : 0),
                                            .env = environment,
                                            .env_bytes = sizeof environment,
                                            .env_count = 1};
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    mf_err err = session_open(&harness->host, &options, &session, &why);
    if (!err) {
        err = read_out(harness, image_fd, &session, fd, &why);
        session_close(&session);
    }
    if (!err)
        return fd;
    printf("  cannot freeze: %s\n", mf_why_text(&why, err));
    close_image(fd);
    return -1;
}

bool snapshots_restore(struct harness *harness, int image_fd, int snapshot_fd, int touched_fd)
{
    struct mf_why why = {{0}};
    const struct session_options options = {.sandbox = harness->sandbox,
                                            .image_fd = image_fd,
                                            .flags = MF_START_RESTORE |
                                                     (touched_fd >= 0 ? MF_START_TOUCHED : 0) |
                                                     (harness->jit ? MF_START_JIT : 0),
                                            .snapshot_fd = snapshot_fd,
                                            .touched_fd = touched_fd,
                                            .env = environment,
                                            .env_bytes = sizeof environment,
                                            .env_count = 1};
    victim_close(harness);
    mf_err err = snapshot_fd < 0 ? MF_ENOENT
                                 : session_open(&harness->host, &options, &harness->victim, &why);
    return err == MF_OK;
}

static bool restore(struct harness *harness, int image_fd, int snapshot_fd)
{
    return snapshots_restore(harness, image_fd, snapshot_fd, -1);
}

static void get(struct harness *harness, const char *name, const char *path, const char *expected)
{
    char outcome[OUTCOME_BYTES];
    victim_get(harness, path, NULL, 0, CASE_NS, outcome);
    judge(harness, name, path, outcome, expected);
}

static void clones_differ(struct harness *harness, const char *name, int image_fd, int snapshot_fd)
{
    enum { AT_INIT, GETRANDOM, RAND, RAND48, KINDS };
    unsigned long long drawn[2][KINDS] = {{0}};
    unsigned restored[2] = {0};
    char outcome[OUTCOME_BYTES];
    for (int i = 0; i < 2; i++) {
        (void)restore(harness, image_fd, snapshot_fd);
        victim_get(harness, "/random", NULL, 0, CASE_NS, outcome);
        (void)sscanf(outcome, "replies %llx %llx %llx %llx %u", &drawn[i][AT_INIT],
                     &drawn[i][GETRANDOM], &drawn[i][RAND], &drawn[i][RAND48], &restored[i]);
    }
    bool told = restored[0] == 1 && restored[1] == 1;
    bool differ = drawn[0][AT_INIT] == drawn[1][AT_INIT]; /* they can tell: one snapshot */
    for (int kind = GETRANDOM; kind < KINDS; kind++)
        differ = differ && drawn[0][kind] != drawn[1][kind];
    judge(harness, name, "random", differ && told ? "differ" : outcome, "differ");
}

/* Generators of the program's own: one that notices nothing, and two that do. */
static void generators_differ(struct harness *harness, const char *name, int image_fd,
                              int snapshot_fd)
{
    enum { KEPT, WIPED, BY_PID, PID, KINDS };
    unsigned long long drawn[2][KINDS] = {{0}};
    char outcome[OUTCOME_BYTES];
    for (int i = 0; i < 2; i++) {
        (void)restore(harness, image_fd, snapshot_fd);
        victim_get(harness, "/generators", NULL, 0, CASE_NS, outcome);
        (void)sscanf(outcome, "replies %llx %llx %llx %llu", &drawn[i][KEPT], &drawn[i][WIPED],
                     &drawn[i][BY_PID], &drawn[i][PID]);
    }
    bool differ = drawn[0][KEPT] != 0 && drawn[0][KEPT] == drawn[1][KEPT];
    for (int kind = WIPED; kind < KINDS; kind++)
        differ = differ && drawn[0][kind] != drawn[1][kind];
    judge(harness, name, "generators", differ ? "differ" : outcome, "differ");
}

/* So many of a generator's marks in a row, no register or stack holds. */
static bool holds(const uint64_t *words, size_t count, uint64_t mark)
{
    enum { ROW = 16 };
    for (size_t at = 0, run = 0; at < count; at++) {
        run = words[at] == mark + run ? run + 1 : words[at] == mark;
        if (run == ROW)
            return true;
    }
    return false;
}

static void wiped_is_not_in_it(struct harness *harness, const char *name, int snapshot_fd)
{
    struct stat status;
    void *file = MAP_FAILED;
    if (fstat(snapshot_fd, &status) == 0)
        file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, snapshot_fd, 0);
    const char *outcome = "cannot be read";
    if (file != MAP_FAILED) {
        size_t words = (size_t)status.st_size / sizeof(uint64_t);
        outcome = !holds(file, words, MARK_KEPT)   ? "has nothing of it"
                  : holds(file, words, MARK_WIPED) ? "has what was to be wiped"
                                                   : "has only what was kept";
        (void)munmap(file, (size_t)status.st_size);
    }
    judge(harness, name, "its file", outcome, "has only what was kept");
}

static void clocks_are_right(struct harness *harness, const char *name)
{
    char outcome[OUTCOME_BYTES];
    long long real = 0, monotonic = 0;
    struct timespec now;
    victim_get(harness, "/clocks", NULL, 0, CASE_NS, outcome);
    (void)sscanf(outcome, "replies %lld %lld", &real, &monotonic);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    bool right = real <= now.tv_sec && real + 5 >= now.tv_sec;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    right = right && monotonic <= now.tv_sec && monotonic + 5 >= now.tv_sec;
    judge(harness, name, "clocks", right ? "right" : outcome, "right");
}

static void goes_on(struct harness *harness, const char *name, int image_fd, int snapshot_fd)
{
    if (!wanted(harness, name))
        return;
    if (!restore(harness, image_fd, snapshot_fd)) {
        judge(harness, name, "", "cannot be restored", "goes on");
        return;
    }
    get(harness, name, "/memory",
        "replies 42 0 43 44 big 1152 letters 24576 round 1 vectors 9.0");
    get(harness, name, "/count", "replies 1");
    get(harness, name, "/count", "replies 2");
    get(harness, name, "/environment", "replies cold");
    get(harness, name, "/grow", "replies grown");
    clocks_are_right(harness, name);
    get(harness, name, "/write", "dies page-fault");
    (void)restore(harness, image_fd, snapshot_fd);
    get(harness, name, "/count", "replies 1");
    clones_differ(harness, name, image_fd, snapshot_fd);
    generators_differ(harness, name, image_fd, snapshot_fd);
    wiped_is_not_in_it(harness, name, snapshot_fd);
    get(harness, name, "/signals", "replies signals 7 failed 0 others 1 one thread 1 new 1");
    get(harness, name, "/abort", "dies aborted");
}

/* A copy of a snapshot with one thing changed. */
static int changed(int snapshot_fd, uint64_t offset, const void *bytes, size_t count, off_t cut_to)
{
    struct stat status;
    int fd = memfd_create("changed", MFD_CLOEXEC);
    if (fd < 0 || fstat(snapshot_fd, &status) != 0)
        return fd;
    void *from = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, snapshot_fd, 0);
    if (from != MAP_FAILED) {
        (void)!write(fd, from, (size_t)status.st_size);
        (void)munmap(from, (size_t)status.st_size);
    }
    (void)!pwrite(fd, bytes, count, (off_t)offset);
    if (cut_to)
        (void)!ftruncate(fd, cut_to);
    return fd;
}

static void refused(struct harness *harness, const char *detail, int image_fd, int fd)
{
    char outcome[OUTCOME_BYTES];
    (void)restore(harness, image_fd, fd);
    victim_get(harness, "/count", NULL, 0, CASE_NS, outcome);
    judge(harness, "snapshot refused", detail, outcome, "dies start-failed|was dead before");
    close_image(fd);
}

static void bad_ones(struct harness *harness, int image_fd, int snapshot_fd)
{
    const uint32_t version = 1, runs = MF_SNAPSHOT_RUNS_MAX + 1, page = MF_KERNEL_BASE / 4096 - 1,
                   executable = 5, low = 0;
    const uint8_t other = 0xff;
#define AT(field) offsetof(struct mf_snapshot, field)
    const uint64_t range = sizeof(struct mf_snapshot);
    const uint64_t first_range = range + offsetof(struct mf_range, page);
    refused(harness, "no snapshot", image_fd, changed(snapshot_fd, AT(magic), &low, 4, 0));
    refused(harness, "another ABI", image_fd, changed(snapshot_fd, AT(abi_version), &version, 4, 0));
    refused(harness, "too many runs", image_fd, changed(snapshot_fd, AT(run_count), &runs, 4, 0));
    refused(harness, "another image", image_fd, changed(snapshot_fd, AT(image), &other, 1, 0));
    refused(harness, "another window", image_fd,
            changed(snapshot_fd, AT(window_bytes), &(uint64_t){MF_WINDOW_MIN}, 8, 0));
    refused(harness, "cut off", image_fd, changed(snapshot_fd, AT(magic), "", 0, 0x101000));
    refused(harness, "cut off in its head", image_fd, changed(snapshot_fd, AT(magic), "", 0, 100));
    refused(harness, "a range below the kernel", image_fd, changed(snapshot_fd, first_range, &page, 4, 0));
    refused(harness, "an executable range", image_fd,
            changed(snapshot_fd, range + offsetof(struct mf_range, prot), &executable, 4, 0));
#undef AT
}

/* Threads that waited when it was frozen wait on, those that slept go on sleeping. */
static void crew_goes_on(struct harness *harness, const char *name, int image_fd, int snapshot_fd)
{
    for (int i = 0; i < 2; i++) {
        if (!restore(harness, image_fd, snapshot_fd)) {
            judge(harness, name, "threads", "cannot be restored", "goes on");
            return;
        }
        get(harness, name, "/work", "replies round 1 sum 415.0");
        get(harness, name, "/work", "replies round 2 sum 424.0");
        get(harness, name, "/tick", "replies ticks on, signal 0");
    }
}

/* Code that was made before the freeze, in each clone as it was then. */
static void made_code_goes_on(struct harness *harness, const char *name, int image_fd, int snapshot_fd)
{
    for (int i = 0; i < 2; i++) {
        if (!restore(harness, image_fd, snapshot_fd)) {
            judge(harness, name, "made code", "cannot be restored", "goes on");
            return;
        }
        get(harness, name, "/show", "replies 10 20 30 71 later 0");
        get(harness, name, "/show", "replies 11 21 31 72 later 184");
        get(harness, name, i ? "/read" : "/write", i ? "replies 1" : "dies page-fault");
    }
    (void)restore(harness, image_fd, snapshot_fd);
    get(harness, name, "/read", "dies page-fault");
    harness->jit = false;
    refused(harness, "made code, without jit", image_fd, dup(snapshot_fd));
    harness->jit = true;
}

static void nothing_is_made(struct harness *harness, const char *name, int image_fd, int snapshot_fd)
{
    (void)restore(harness, image_fd, snapshot_fd);
    get(harness, name, "/show", "replies refused 13");
}

static void all_of(struct harness *harness, enum mf_sandbox sandbox, const char *image,
                   void (*part)(struct harness *, const char *, int, int))
{
    char name[64];
    int image_fd = open_image(harness->images, image);
    int snapshot_fd = snapshots_freeze(harness, sandbox, image_fd);
    snprintf(name, sizeof name, "snapshot made under %s%s",
             sandbox == MF_SANDBOX_KVM ? "kvm" : "process",
             strchr(image, '-') ? strchr(image, '-') : "");
    part(harness, name, image_fd, snapshot_fd);
    if (sandbox == harness->sandbox && part == goes_on)
        bad_ones(harness, image_fd, snapshot_fd);
    victim_close(harness);
    close_image(snapshot_fd);
    close_image(image_fd);
}

void test_snapshots(struct harness *harness)
{
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox <= MF_SANDBOX_KVM; sandbox++) {
        if (!harness->host.spawner.support.usable[sandbox] || !wanted(harness, "snapshot"))
            continue;
        all_of(harness, sandbox, "frozen", goes_on);
        all_of(harness, sandbox, "frozen-linux", goes_on);
        all_of(harness, sandbox, "crew-linux", crew_goes_on);
        all_of(harness, sandbox, "made", nothing_is_made);
        harness->jit = true;
        all_of(harness, sandbox, "made", made_code_goes_on);
        all_of(harness, sandbox, "made-linux", made_code_goes_on);
        harness->jit = false;
    }
}
