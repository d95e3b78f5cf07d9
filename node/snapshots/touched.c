/*
 * touched.c: see touched.h.
 * Guarantees: what is checked is a copy; under the name there is a whole file or none, or one
 * whose digest says that it is not whole.
 * Leaves to others: what was touched (instance/look.c), when that is asked (recorder.c).
 */
#include "node/snapshots/touched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "image/touched.h"
#include "node/snapshots/key_name.h"

#define SUFFIX ".touched"
#define TEMPORARY ".tmp-" /* swept away at the start of the node: state_dir.c */

/* A whole file, and what was found in it. */
struct copy {
    _Alignas(uint64_t) uint8_t file[MF_TOUCHED_BYTES_MAX + 1];
    size_t bytes;
    struct touched touched;
    struct file_identity identity;
};

void touched_name(const uint8_t key[MF_SNAPSHOT_HASH_BYTES], char name[TOUCHED_NAME_BYTES])
{
    key_name(key, SUFFIX, name);
}

bool touched_name_key(const char *name, uint8_t key[MF_SNAPSHOT_HASH_BYTES])
{
    return key_name_read(name, SUFFIX, key);
}

void touched_file_remove(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES])
{
    char name[TOUCHED_NAME_BYTES];
    touched_name(key, name);
    (void)unlinkat(dir_fd, name, 0);
}

static mf_err open_file(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES], int *fd,
                        struct file_identity *identity)
{
    char name[TOUCHED_NAME_BYTES];
    struct stat stat;
    touched_name(key, name);
    *fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return errno == ENOENT ? MF_ENOENT : MF_EFORMAT;
    if (fstat(*fd, &stat) == 0) {
        file_identify(&stat, identity);
        return MF_OK;
    }
    (void)close(*fd);
    *fd = -1;
    return MF_EFORMAT;
}

mf_err touched_file_open(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                         const struct file_identity *identity, int *fd)
{
    struct file_identity now;
    mf_err err = open_file(dir_fd, key, fd, &now);
    if (err || file_is_same(&now, identity))
        return err;
    (void)close(*fd);
    *fd = -1;
    return MF_EFORMAT;
}

static mf_err check(struct copy *copy, const struct touched_origin *origin, struct mf_why *why)
{
    uint8_t digest[MF_SNAPSHOT_HASH_BYTES];
    mf_err err = touched_parse(copy->file, copy->bytes, &copy->touched, why);
    if (err)
        return err;
    touched_digest(&copy->touched, digest);
    if (memcmp(digest, copy->touched.head->digest, sizeof digest) != 0)
        return mf_why(why, MF_EFORMAT, "touched pages: the digest does not hold: damaged or changed");
    if (copy->touched.head->window_bytes != origin->window_bytes ||
        memcmp(copy->touched.head->snapshot, origin->snapshot, sizeof digest) != 0)
        return mf_why(why, MF_EFORMAT, "touched pages: of another snapshot");
    return MF_OK;
}

/* MF_ENOENT: there is none. MF_EFORMAT: it is nothing that one could use. */
static mf_err load(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                   const struct touched_origin *origin, struct copy *copy, struct mf_why *why)
{
    int fd;
    mf_err err = open_file(dir_fd, key, &fd, &copy->identity);
    if (err)
        return mf_why(why, err, "touched pages: %s", strerror(errno));
    ssize_t got = pread(fd, copy->file, sizeof copy->file, 0);
    (void)close(fd);
    if (got < 0)
        return mf_why(why, MF_EFORMAT, "touched pages: %s", strerror(errno));
    copy->bytes = (size_t)got;
    return check(copy, origin, why);
}

static void tell(const struct copy *copy, struct touched_facts *facts)
{
    *facts = (struct touched_facts){
        .pages = touched_pages(&copy->touched),
        .identity = copy->identity,
    };
    facts->state = copy->touched.head->samples < MF_TOUCHED_SAMPLES ? TOUCHED_WANTED
                   : facts->pages < MF_TOUCHED_WORTH                ? TOUCHED_FEW
                                                                    : TOUCHED_READY;
}

/* As load(), but a bad one goes. */
static mf_err load_good(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                        const struct touched_origin *origin, struct copy *copy)
{
    struct mf_why why = {{0}};
    char name[TOUCHED_NAME_BYTES];
    mf_err err = load(dir_fd, key, origin, copy, &why);
    if (err && err != MF_ENOENT) {
        touched_name(key, name);
        mf_log(MF_LOG_WARN, "touched.damaged", "file=%s why=\"%s\"", name, mf_why_text(&why, err));
        touched_file_remove(dir_fd, key);
    }
    return err;
}

void touched_file_check(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                        const struct touched_origin *origin, struct touched_facts *facts)
{
    struct copy copy;
    *facts = (struct touched_facts){.state = TOUCHED_WANTED};
    if (load_good(dir_fd, key, origin, &copy) == MF_OK)
        tell(&copy, facts);
}

static mf_err fail(struct mf_why *why, const char *doing)
{
    int error = errno;
    if (error == ENOSPC || error == EDQUOT)
        return mf_why(why, MF_EFULL, "%s: the disk is full", doing);
    if (error == EEXIST)
        return mf_why(why, MF_EAGAIN, "%s: somebody does that now", doing);
    return mf_why(why, mf_err_from_errno(error), "%s: %s", doing, strerror(error));
}

/* No sync of the folder: a file that a power failure takes away is recorded again. */
static mf_err write_file(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES], struct copy *copy,
                         struct mf_why *why)
{
    char draft[sizeof TEMPORARY - 1 + TOUCHED_NAME_BYTES] = TEMPORARY;
    char *name = draft + sizeof TEMPORARY - 1;
    struct stat stat;
    mf_err err = MF_OK;
    touched_name(key, name);
    int fd = openat(dir_fd, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(why, "cannot create a file of touched pages");
    if (write(fd, copy->file, copy->bytes) != (ssize_t)copy->bytes || fsync(fd) != 0)
        err = fail(why, "cannot write touched pages");
    else if (renameat(dir_fd, draft, dir_fd, name) != 0 || fstat(fd, &stat) != 0)
        err = fail(why, "cannot put touched pages in place");
    else
        file_identify(&stat, &copy->identity);
    if (err)
        (void)unlinkat(dir_fd, draft, 0);
    (void)close(fd);
    return err;
}

static void compose(struct copy *copy, const struct touched_origin *origin, uint32_t samples,
                    const struct mf_touched_run *runs, uint32_t count)
{
    struct mf_touched *head = (struct mf_touched *)(void *)copy->file;
    *head = (struct mf_touched){.magic = MF_TOUCHED_MAGIC,
                                .abi_version = MF_ABI_VERSION,
                                .run_count = count,
                                .samples = samples,
                                .window_bytes = origin->window_bytes};
    memcpy(head->snapshot, origin->snapshot, sizeof head->snapshot);
    memcpy(head + 1, runs, count * sizeof *runs);
    copy->bytes = sizeof *head + count * sizeof *runs;
    copy->touched = (struct touched){.head = head,
                                     .runs = (const struct mf_touched_run *)(const void *)(head + 1)};
    touched_digest(&copy->touched, head->digest);
}

static uint32_t pages_of(const struct mf_touched_run *runs, uint32_t count)
{
    uint32_t pages = 0;
    for (uint32_t i = 0; i < count; i++)
        pages += runs[i].pages;
    return pages;
}

mf_err touched_file_add(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                        const struct touched_origin *origin, const struct mf_touched_run *runs,
                        uint32_t count, struct touched_facts *facts, struct mf_why *why)
{
    struct mf_touched_run common[MF_TOUCHED_RUNS_MAX];
    struct copy copy;
    uint32_t samples = 0, before = 0;
    mf_assert(count <= MF_TOUCHED_RUNS_MAX);
    if (load_good(dir_fd, key, origin, &copy) == MF_OK) {
        samples = copy.touched.head->samples;
        before = touched_pages(&copy.touched);
        count = touched_common(copy.touched.runs, copy.touched.head->run_count, runs, count,
                               common);
        runs = common;
    }
    mf_err err = MF_OK;
    if (samples < MF_TOUCHED_SAMPLES || pages_of(runs, count) < before) {
        compose(&copy, origin, samples < MF_TOUCHED_SAMPLES ? samples + 1 : samples, runs, count);
        err = write_file(dir_fd, key, &copy, why);
    }
    if (!err)
        tell(&copy, facts);
    return err;
}
