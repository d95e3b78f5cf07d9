/*
 * touched.h: which pages a first event writes, in the state directory beside the snapshot:
 * snapshots/KEY.touched (abi/touched.h). A hint: that there is none, or that it is damaged,
 * costs faults and nothing else. What stands in it is a guest's: hostile. Any thread.
 */
#ifndef MF_NODE_SNAPSHOTS_TOUCHED_H
#define MF_NODE_SNAPSHOTS_TOUCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/touched.h"
#include "base/err.h"
#include "node/functions/file_identity.h"

#define TOUCHED_NAME_BYTES (2 * MF_SNAPSHOT_HASH_BYTES + sizeof ".touched") /* NUL included */

enum touched_state {
    TOUCHED_NONE,   /* not looked for: all of the snapshot is copied, or they cannot be seen here */
    TOUCHED_WANTED, /* samples are missing                                                       */
    TOUCHED_FEW,    /* known, and not worth to be prepared                                       */
    TOUCHED_READY   /* the file is handed to every start                                         */
};

struct touched_facts {
    enum touched_state state;
    uint32_t pages;                /* FEW, READY */
    struct file_identity identity; /* as it was checked. READY */
};

/* Whose first events. */
struct touched_origin {
    uint64_t window_bytes;
    uint8_t snapshot[MF_SNAPSHOT_HASH_BYTES]; /* its digest */
};

/* KEY.touched, and back. */
void touched_name(const uint8_t key[MF_SNAPSHOT_HASH_BYTES], char name[TOUCHED_NAME_BYTES]);
bool touched_name_key(const char *name, uint8_t key[MF_SNAPSHOT_HASH_BYTES]);

/* What is known of a snapshot's first events. A file that is damaged, or belongs to another
 * snapshot, is logged and removed. */
void touched_file_check(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                        const struct touched_origin *origin, struct touched_facts *facts);

/* Open it for a start. MF_EFORMAT: it is another file than the one checked; MF_ENOENT. */
MF_CHECKED mf_err touched_file_open(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                                    const struct file_identity *identity, int *fd);

/* One more sample: runs, which obey abi/touched.h. The file has what all samples have, so it
 * only ever shrinks. Written to disk whole, or nothing changes. MF_EAGAIN: somebody else writes it now; MF_EFULL. */
MF_CHECKED mf_err touched_file_add(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                                   const struct touched_origin *origin,
                                   const struct mf_touched_run *runs, uint32_t count,
                                   struct touched_facts *facts, struct mf_why *why);

void touched_file_remove(int dir_fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES]);

#endif
