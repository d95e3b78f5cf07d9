/*
 * instance.h: one instance's life cycle and the events in its ring, and nothing
 * else: no system calls, time comes as an argument. Loop thread only.
 *
 *            start            first word of the guest       END of the last event
 *   BLANK ──────────▶ RESTORING ──────────▶ BUSY ◀───────────────────▶ IDLE
 *     │                   │    ╲             │          an event         │
 *     │                   │     ╲────────────┼──── (it had none) ────────│
 *     │                   │   new version,   │   idle_ms passed,         │
 *     │                   └───────────────▶ DRAINING ◀───────────────────┘
 *     │  died, killed         all states ▶   │ halted, died, killed
 *     └─────────────────────────────────▶  DEAD
 *
 *   BLANK      a confined monitor that knows no function; no events
 *   RESTORING  has an image and, at most, events; the guest has not spoken yet
 *   IDLE       no events; waits to be used or to be stopped
 *   BUSY       1 … MF_EVENTS_AHEAD_MAX events in its ring, the first one running
 *   DRAINING   was told to answer what it has and halt; takes no more
 *   DEAD       no events, no descriptors; its process has ended or was killed
 */
#ifndef MF_NODE_POOL_INSTANCE_H
#define MF_NODE_POOL_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/channel.h"
#include "node/instance/spawner.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/loop/watch.h"

enum instance_state {
    INSTANCE_BLANK,
    INSTANCE_RESTORING,
    INSTANCE_IDLE,
    INSTANCE_BUSY,
    INSTANCE_DRAINING,
    INSTANCE_DEAD,
    INSTANCE_STATES
};

struct call;
struct console;
struct function;
struct pool;
struct version;

struct instance {
    /* The life cycle: instance.c alone writes these. */
    enum instance_state state;
    struct call *events[MF_EVENTS_AHEAD_MAX]; /* from first, in the order of the ring   */
    uint32_t first, count;
    uint64_t state_since_ns;
    uint64_t begun_ns;    /* the head event began                                       */
    uint64_t deadline_ns; /* of the head event                                          */
    bool head_woke;       /* the head event found it idle: its guest had to be woken    */

    /* The pool's. */
    struct pool *pool;
    struct function *function; /* NULL: BLANK. Counted                                  */
    struct version *version;   /* the same                                              */
    struct blank blank;
    struct watch bell, console_watch, control;
    struct timer timer;
    struct link by_id;         /* in the pool's table                                   */
    struct link link;          /* in the pool's blanks, or a list of its function       */
    struct link awake;         /* in the pool's awake list: the guest need not ring us  */
    struct link held;          /* in the pool's list of those not listened to            */
    struct call *sending;      /* its body is not yet whole in the ring                 */
    uint64_t abandoned;        /* an event that ended before its body did: tell the guest */
    uint32_t taken_messages, taken_bytes; /* since our last bell: it may wait for room   */
    struct console *console;   /* lines so far; NULL: it never wrote one                */
    bool bell_due;             /* something was put since the last bell                 */
    bool woken;                /* its bell rang since the last look                     */
    bool served;               /* it has answered an event: the start is over           */
    bool listed;               /* in a list of its function, counted in state listed_as */
    enum instance_state listed_as;
    uint32_t spurious_bells;
    const char *cause;         /* why we ended it; NULL: it ended by itself             */
    bool sampled;              /* what its head event takes is being measured           */
    uint32_t samples;          /* so far                                                */
    uint32_t unsampled;        /* events since the last one that was                    */
    uint64_t delay_ns;         /* run delays, ours and its, when that event began       */
    bool paused;               /* by ceiling.c                                          */
    uint64_t cpu_seen_ns;      /* its CPU clock, when ceiling.c looked last             */
};

const char *instance_state_name(enum instance_state state);
bool instance_may_go(enum instance_state from, enum instance_state to);

void instance_init(struct instance *instance, uint64_t now_ns);

/* The one writer of the state. A step that the table forbids is a bug of ours. */
void instance_go(struct instance *instance, enum instance_state to, uint64_t now_ns);

/* Events. push: RESTORING, IDLE or BUSY with room; IDLE becomes BUSY. timeout_ns counts
 * from the moment an event is the head. pop: the head leaves, the next one begins; BUSY
 * without events becomes IDLE. */
bool instance_has_room(const struct instance *instance);
void instance_push(struct instance *instance, struct call *call, uint64_t now_ns,
                   uint64_t timeout_ns);
struct call *instance_pop(struct instance *instance, uint64_t now_ns, uint64_t timeout_ns);
struct call *instance_head(const struct instance *instance); /* NULL: none */
struct call *instance_event(const struct instance *instance, uint32_t index);
/* Take out the last one, which has not begun (index > 0), or any of a DEAD's. */
struct call *instance_take_last(struct instance *instance);

/* The guest spoke: RESTORING is over. */
void instance_spoke(struct instance *instance, uint64_t now_ns);

/* Bring the head's deadline forward. */
void instance_hurry(struct instance *instance, uint64_t deadline_ns);

/* When something is due that only time brings: a deadline, the wait of an event ahead,
 * the end of idling or draining. TIMER_NEVER: nothing. */
uint64_t instance_due_ns(const struct instance *instance, uint64_t idle_ns, uint64_t drain_ns);

/* Every rule of the diagram, asserted. */
void instance_check(const struct instance *instance);

#endif
