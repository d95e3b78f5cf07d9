/*
 * strikes.h: how often a letter's own POST failed, which says for how long it waits until the
 * next one. The queue counts takes, of which most may have been for nothing: its host paused, was
 * slow, or there was no room. A bounded number of letters, in memory: what is forgotten, for
 * another one or with the node, is tried again sooner. Loop thread only.
 */
#ifndef MF_NODE_CALLBACKS_STRIKES_H
#define MF_NODE_CALLBACKS_STRIKES_H

#include <stdint.h>

#include "base/limits.h"

struct strikes {
    struct strike {
        uint64_t id; /* the entry's; 0: none */
        uint32_t times;
    } strike[MF_CALLBACK_STRIKES_MAX];
};

/* It failed once more: how often that makes. */
uint32_t strikes_add(struct strikes *strikes, uint64_t id);
/* It is through. */
void strikes_forget(struct strikes *strikes, uint64_t id);

#endif
