/*
 * taken.h: which entries are taken at this moment, in memory that outlives the process: a
 * file mapped shared, so that taking costs no system call, and a node that an event kills
 * still counts that attempt. After a power cut it may say anything; slots carry a check.
 * One thread.
 */
#ifndef MF_NODE_STORE_TAKEN_H
#define MF_NODE_STORE_TAKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define TAKEN_NONE UINT32_MAX

struct taken_slot {
    uint64_t check; /* 0: free, or being written */
    uint64_t id;
    uint32_t queue;
    uint32_t attempts;
};
_Static_assert(sizeof(struct taken_slot) == 24, "format");

struct taken {
    struct taken_slot *slot; /* NULL: not open */
    uint32_t *free_slot;     /* a stack of those that were in use */
    uint32_t free_count;
    uint32_t untouched;      /* from this one on, none was in use: its memory is not there yet */
    uint32_t slots;
};

/* Make the file if there is none; what it held can be read until taken_clear(). */
MF_CHECKED mf_err taken_open(int dir_fd, const char *name, uint32_t slots, struct taken *taken,
                             struct mf_why *why);
void taken_close(struct taken *taken); /* what is in it stays */

/* The slot's content if it holds any: of the node that ran before. */
bool taken_read(const struct taken *taken, uint32_t slot, struct taken_slot *content);
void taken_clear(struct taken *taken);

uint32_t taken_add(struct taken *taken); /* TAKEN_NONE: all are in use */
void taken_write(struct taken *taken, uint32_t slot, uint32_t queue, uint64_t id,
                 uint32_t attempts);
void taken_remove(struct taken *taken, uint32_t slot);

#endif
