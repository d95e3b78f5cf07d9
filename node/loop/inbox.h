/*
 * inbox.h: how one loop's thread tells another's something: a post is put into the other's
 * inbox, and arrives there in its next round. A post lives in what it is about, so nothing is
 * allocated; what its sender wrote before is seen by whom it arrives at. Posts of one sender
 * arrive in their order. A loop that works is not woken, one that sleeps is, once.
 */
#ifndef MF_NODE_LOOP_INBOX_H
#define MF_NODE_LOOP_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

struct post {
    struct post *next;
    void (*arrive)(struct post *post); /* in the receiver's thread; the post is free again by then */
};

struct inbox {
    _Atomic(struct post *) newest;
    atomic_bool asleep;
    uv_async_t knock;
};

/* In the thread of that loop, as are take and sleep; it closes with the loop. */
MF_CHECKED mf_err inbox_open(struct inbox *inbox, uv_loop_t *loop);

/* Any thread. The post is the receiver's until it arrives. */
void inbox_post(struct inbox *inbox, struct post *post, void (*arrive)(struct post *post));

/* The same in two steps, for several posts: put each, then wake once. Nothing in the inbox
 * wakes nobody. */
void inbox_put(struct inbox *inbox, struct post *post, void (*arrive)(struct post *post));
void inbox_wake(struct inbox *inbox);

/* Let all that is there arrive; true: there was something. */
bool inbox_take(struct inbox *inbox);
/* The loop is going to wait. False: something has come. */
bool inbox_sleep(struct inbox *inbox);

#endif
