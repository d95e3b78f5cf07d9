/*
 * file.c: see file.h.
 * Guarantees: a power failure or a kill at any moment leaves a whole file under a
 * snapshot's name, or none; what is checked is a copy of the whole file.
 * Leaves to others: who wants which (snapshots.c), what is written (instance/freeze.c).
 */
#include "node/snapshots/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/snapshot.h"
#include "node/snapshots/key_name.h"

#define SUFFIX ".snap"
#define TEMPORARY ".tmp-" /* swept away at the start of the node: state_dir.c */
#define STAT_BLOCK_BYTES 512 /* of st_blocks: stat(2) */

static mf_err check(int fd, const uint8_t *key, const struct snapshot_origin *origin,
                    struct snapshot_facts *facts, struct mf_why *why);

static mf_err fail(struct mf_why *why, const char *doing)
{
    int error = errno;
    if (error == ENOSPC || error == EDQUOT)
        return mf_why(why, MF_EFULL, "%s: the disk is full", doing);
    return mf_why(why, mf_err_from_errno(error), "%s: %s", doing, strerror(error));
}

void snapshot_key(const struct snapshot_origin *origin, uint8_t key[MF_SNAPSHOT_HASH_BYTES])
{
    const uint64_t numbers[] = {MF_SNAPSHOT_MAGIC, MF_ABI_VERSION, origin->window_bytes,
                                origin->features, origin->jit, origin->env_count,
                                origin->env_bytes};
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, MF_SNAPSHOT_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)numbers, sizeof numbers);
    (void)crypto_generichash_update(&state, origin->image, sizeof origin->image);
    if (origin->env_bytes)
        (void)crypto_generichash_update(&state, (const uint8_t *)origin->env, origin->env_bytes);
    (void)crypto_generichash_final(&state, key, MF_SNAPSHOT_HASH_BYTES);
}

void snapshot_name(const uint8_t key[MF_SNAPSHOT_HASH_BYTES], char name[SNAPSHOT_NAME_BYTES])
{
    key_name(key, SUFFIX, name);
}

bool snapshot_name_key(const char *name, uint8_t key[MF_SNAPSHOT_HASH_BYTES])
{
    return key_name_read(name, SUFFIX, key);
}

static int open_file(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES], struct stat *stat)
{
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(key, name);
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, stat) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void look_beside(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                        const struct snapshot_origin *origin, struct snapshot_facts *facts)
{
    struct touched_origin of = {.window_bytes = origin->window_bytes};
    memcpy(of.snapshot, facts->digest, sizeof of.snapshot);
    touched_file_check(dir_fd, key, &of, &facts->touched);
}

mf_err snapshot_file_check(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                           const struct snapshot_origin *origin, struct snapshot_facts *facts,
                           struct mf_why *why)
{
    struct stat before, after;
    struct file_identity again;
    int fd = open_file(dir_fd, key, &before);
    if (fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "snapshot: %s", strerror(errno));
    file_identify(&before, &facts->identity);
    facts->disk_bytes = (uint64_t)before.st_blocks * STAT_BLOCK_BYTES;
    facts->touched = (struct touched_facts){.state = TOUCHED_NONE};
    mf_err err = check(fd, key, origin, facts, why);
    if (!err) {
        if (fstat(fd, &after) != 0)
            err = fail(why, "snapshot");
        else
            file_identify(&after, &again);
    }
    if (!err && !file_is_same(&again, &facts->identity))
        err = mf_why(why, MF_EFORMAT, "snapshot: somebody wrote to it meanwhile");
    (void)close(fd);
    if (!err && facts->touched.state == TOUCHED_WANTED)
        look_beside(dir_fd, key, origin, facts);
    return err;
}

bool snapshot_file_size(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                        uint64_t *disk_bytes)
{
    char name[SNAPSHOT_NAME_BYTES];
    struct stat stat;
    snapshot_name(key, name);
    if (fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *disk_bytes = (uint64_t)stat.st_blocks * STAT_BLOCK_BYTES;
    return true;
}

mf_err snapshot_file_open(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                          const struct file_identity *identity, int *fd)
{
    struct stat stat;
    struct file_identity now;
    *fd = open_file(dir_fd, key, &stat);
    if (*fd < 0)
        return mf_err_from_errno(errno);
    file_identify(&stat, &now);
    if (file_is_same(&now, identity))
        return MF_OK;
    (void)close(*fd);
    *fd = -1;
    return MF_EFORMAT;
}

void snapshot_file_remove(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES])
{
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(key, name);
    (void)unlinkat(dir_fd, name, 0); /* one that comes back after a power failure is checked */
    touched_file_remove(dir_fd, key);
}

mf_err snapshot_draft_open(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                           struct snapshot_draft *draft, struct mf_why *why)
{
    memcpy(draft->name, TEMPORARY, sizeof TEMPORARY - 1);
    snapshot_name(key, draft->name + sizeof TEMPORARY - 1);
    draft->dir_fd = dir_fd;
    draft->synced = false;
    draft->fd = openat(dir_fd, draft->name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                       0600);
    return draft->fd >= 0 ? MF_OK : fail(why, "cannot create the snapshot");
}

mf_err snapshot_draft_sync(struct snapshot_draft *draft, struct mf_why *why)
{
    draft->synced = fsync(draft->fd) == 0;
    return draft->synced ? MF_OK : fail(why, "cannot write the snapshot");
}

mf_err snapshot_draft_keep(struct snapshot_draft *draft, struct snapshot_facts *facts,
                           struct mf_why *why)
{
    const char *name = draft->name + sizeof TEMPORARY - 1;
    struct stat stat;
    mf_assert(draft->synced); /* else a power failure could leave a name without content */
    if (renameat(draft->dir_fd, draft->name, draft->dir_fd, name) != 0)
        return fail(why, "cannot put the snapshot in place");
    if (fsync(draft->dir_fd) != 0 || fstat(draft->fd, &stat) != 0) {
        mf_err err = fail(why, "cannot sync the snapshots' directory");
        (void)unlinkat(draft->dir_fd, name, 0);
        return err;
    }
    file_identify(&stat, &facts->identity);
    facts->disk_bytes = (uint64_t)stat.st_blocks * STAT_BLOCK_BYTES;
    (void)close(draft->fd);
    draft->fd = -1;
    return MF_OK;
}

void snapshot_draft_close(struct snapshot_draft *draft)
{
    if (draft->fd < 0)
        return;
    (void)unlinkat(draft->dir_fd, draft->name, 0); /* after a rename that failed to sync: gone */
    (void)close(draft->fd);
    draft->fd = -1;
}

static mf_err check(int fd, const uint8_t *key, const struct snapshot_origin *origin,
                    struct snapshot_facts *facts, struct mf_why *why)
{
    struct snapshot_copy copy;
    mf_err err = snapshot_load(fd, &copy, why);
    if (err)
        return err;
    const struct mf_snapshot *head = copy.snapshot.head;
    facts->pages = snapshot_pages(&copy.snapshot);
    facts->made_at_ns = head->made_at_ns;
    memcpy(facts->digest, head->digest, sizeof facts->digest);
    for (uint32_t i = 0; i < head->run_count; i++)
        if (!(copy.snapshot.runs[i].flags & MF_RUN_COPY)) /* where all is copied, nothing is left */
            facts->touched.state = TOUCHED_WANTED;
    if (memcmp(head->key, key, sizeof head->key) != 0 ||
        memcmp(head->image, origin->image, sizeof origin->image) != 0 ||
        head->window_bytes != origin->window_bytes)
        err = mf_why(why, MF_EFORMAT, "snapshot: of something else than its name says");
    else if (!snapshot_holds(&copy))
        err = mf_why(why, MF_EFORMAT, "snapshot: its digest does not hold: damaged or changed");
    snapshot_unload(&copy);
    return err;
}
