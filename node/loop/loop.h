/*
 * loop.h: an event loop (libuv) that works in turns. A turn: what the clock brings, then
 * rounds of work until one finds nothing left to do; then the loop sleeps. Nothing here is
 * global: a node runs several, each in a thread of its own, which alone touches it.
 */
#ifndef MF_NODE_LOOP_LOOP_H
#define MF_NODE_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "node/loop/inbox.h"
#include "node/loop/timer.h"
#include "node/loop/watch.h"

/* What a loop's owner does in a turn. */
struct loop_parts {
    /* One round, after the timers. True: there may be more to do. */
    bool (*work)(void *owner);
    /* A round found nothing: last looks, and word to those who must ring from now on.
     * False: something came meanwhile. */
    bool (*rest)(void *owner);
    /* The turn is over; timers are looked at after this. May call loop_stop(). */
    void (*over)(void *owner);
};

struct loop {
    uv_loop_t uv;
    uint64_t now_ns;          /* CLOCK_MONOTONIC, as of this round            */
    struct timers timers;
    struct watcher watcher;
    struct inbox inbox;       /* what other threads' loops send               */

    const struct loop_parts *parts;
    void *owner;
    uv_prepare_t turn;        /* runs before each wait                        */
    uv_idle_t again;          /* active: a turn was cut short, do not wait    */
    uv_poll_t watcher_poll;
    uv_timer_t alarm;         /* the earliest of timers                       */
    uint64_t alarm_ns;        /* what it is set to; TIMER_NEVER: not armed    */
    bool open;
};

MF_CHECKED mf_err loop_open(struct loop *loop, const struct loop_parts *parts, void *owner,
                            struct mf_why *why);
void loop_run(struct loop *loop);  /* until loop_stop() */
void loop_stop(struct loop *loop);
/* Closes what handles are left, too. Harmless on one that is not open (zeroed). */
void loop_close(struct loop *loop);

#endif
