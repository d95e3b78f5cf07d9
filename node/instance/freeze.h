/*
 * freeze.h: read a parked guest's memory out of its process into a snapshot file
 * (abi/snapshot.h). The guest may be hostile and still run: what it writes meanwhile is
 * its own affair; what it said of its ranges is checked here.
 *
 * Reading needs nothing but the right to look at a process of one's own (ptrace(2),
 * "Ptrace access mode checking"; Yama's ptrace_scope 2 and 3 forbid it: MF_EDENIED).
 */
#ifndef MF_NODE_INSTANCE_FREEZE_H
#define MF_NODE_INSTANCE_FREEZE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/image.h"
#include "image/snapshot.h"
#include "spawner/protocol.h"

struct freeze_order {
    pid_t pid;                     /* the instance's process                          */
    pid_t parent;                  /* the spawner, whose child it must be             */
    enum mf_sandbox sandbox;
    uint64_t window_bytes;
    bool jit;                      /* its pages may be executable                     */
    const struct image *image;     /* what it runs                                    */
    const struct mf_range *ranges; /* as FROZEN gave them                             */
    uint32_t range_count;
    uint8_t key[MF_SNAPSHOT_HASH_BYTES];
};

/* Write the snapshot to fd, an empty file, digest included; no sync. Any thread; takes
 * milliseconds. MF_EFULL: the disk is. The pid may have become a stranger's: only an order
 * whose instance has not been told dead (MF_EXITED) after this returned is to be believed. */
MF_CHECKED mf_err freeze_write(const struct freeze_order *order, int fd, struct mf_why *why);

#endif
