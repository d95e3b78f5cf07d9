/*
 * file.h: snapshots in the state directory, snapshots/KEY.snap (abi/snapshot.h): named,
 * written, checked, opened, removed. What stands in one is a guest's: hostile. A file has
 * its name only once it is whole and on disk. Nothing here knows functions. Any thread.
 */
#ifndef MF_NODE_SNAPSHOTS_FILE_H
#define MF_NODE_SNAPSHOTS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/snapshot.h"
#include "base/err.h"
#include "node/functions/file_identity.h"
#include "node/snapshots/touched.h"

#define SNAPSHOT_NAME_BYTES (2 * MF_SNAPSHOT_HASH_BYTES + sizeof ".snap") /* NUL included */

/* All that a snapshot depends on, with the ABI's version and the format's. */
struct snapshot_origin {
    uint8_t image[MF_SNAPSHOT_HASH_BYTES]; /* hash                                   */
    uint64_t window_bytes;
    uint64_t features;                     /* of the processor, as a guest sees it   */
    bool jit;                              /* its memory may be executable           */
    const char *env;                       /* NAME=value strings, each with its NUL  */
    uint32_t env_bytes, env_count;
};
void snapshot_key(const struct snapshot_origin *origin, uint8_t key[MF_SNAPSHOT_HASH_BYTES]);

/* KEY.snap, and back. */
void snapshot_name(const uint8_t key[MF_SNAPSHOT_HASH_BYTES], char name[SNAPSHOT_NAME_BYTES]);
bool snapshot_name_key(const char *name, uint8_t key[MF_SNAPSHOT_HASH_BYTES]);

struct snapshot_facts {
    struct file_identity identity; /* as it was checked */
    uint64_t disk_bytes; /* what it takes there */
    uint64_t pages;      /* with content        */
    uint64_t made_at_ns; /* CLOCK_REALTIME      */
    uint8_t digest[MF_SNAPSHOT_HASH_BYTES];
    struct touched_facts touched; /* what its first events touch, of the file beside it */
};

/* Read all of the file of this key and check it: form, digest, that it is of this key, of
 * this image and window. MF_ENOENT: there is none; MF_EFORMAT: it is stale or damaged. */
MF_CHECKED mf_err snapshot_file_check(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                                      const struct snapshot_origin *origin,
                                      struct snapshot_facts *facts, struct mf_why *why);

/* How much there is to read. False: there is no such file. */
bool snapshot_file_size(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                        uint64_t *disk_bytes);

/* Open it for a start. MF_EFORMAT: it is another file than the one checked; MF_ENOENT. */
MF_CHECKED mf_err snapshot_file_open(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                                     const struct file_identity *identity, int *fd);

/* With the file of touched pages beside it. */
void snapshot_file_remove(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES]);

/* One that is being written; without a name that anyone looks for. */
struct snapshot_draft {
    int dir_fd; /* borrowed   */
    int fd;     /* -1: closed */
    bool synced;
    char name[SNAPSHOT_NAME_BYTES + 8];
};
MF_CHECKED mf_err snapshot_draft_open(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                                      struct snapshot_draft *draft, struct mf_why *why);
/* To disk. MF_EFULL. */
MF_CHECKED mf_err snapshot_draft_sync(struct snapshot_draft *draft, struct mf_why *why);
/* Under its name, after snapshot_draft_sync(); *identity is the file's from then on. */
MF_CHECKED mf_err snapshot_draft_keep(struct snapshot_draft *draft,
                                      struct snapshot_facts *facts, struct mf_why *why);
void snapshot_draft_close(struct snapshot_draft *draft); /* what was not kept is gone */

#endif
