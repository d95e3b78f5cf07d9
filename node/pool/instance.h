/*
 * instance.h: one instance's life cycle and the events in its ring, and nothing
 * else: no system calls, time comes as an argument. Loop thread only.
 *
 *            start            first word of the guest       END of the last event
 *   BLANK ──────────▶ RESTORING ──────────▶ BUSY ◀───────────────────▶ IDLE
 *    │ │                  │    ╲             │  ╲       an event      ▲ │
 *    │ │                  │     ╲────────────┼───╲─ (it had none) ────┤ │
 *    │ │                  │      ╲           │    ╲ END, if it is     │ │ idle_ms
 *    │ │                  │       ╲          │     ╲ rolled back      │ │ passed
 *    │ │                  │        ╲─────────┼─────▶ RESETTING ───────┘ │
 *    │ │                  │  new version,    │          │ as new         │
 *    │ │                  └──────────────▶ DRAINING ◀───┴───────────────┘
 *    │ │ start, to be frozen                 │ halted, died, killed
 *    │ ├───────────────▶ FREEZING ──────────▶│
 *    │ └───────────────▶ REHEARSING ────────▶│
 *    │  died, killed         all states ▶    ▼
 *    └────────────────────────────────────▶ DEAD
 *
 *   BLANK      a confined monitor that knows no function; no events
 *   FREEZING   boots only to be read out into a snapshot (snapshots/freezer.c); no events
 *   REHEARSING does its warm-up again, for its pages to be seen (snapshots/rehearsal.h); no events
 *   RESTORING  has an image and, at most, events; the guest has not spoken yet
 *   IDLE       no events; waits to be used or to be stopped. One that is rolled back has
 *              been: guest and channel are as new, and its monitor waits for our word
 *   BUSY       1 … MF_EVENTS_AHEAD_MAX events in its ring, the first one running
 *   RESETTING  its monitor rolls it back after its event; nothing is put into its ring
 *   DRAINING   was told to answer what it has and halt, or has served the only event that
 *              it may; takes no more
 *   DEAD       no events, no descriptors; its process has ended or was killed
 *
 * Only with isolation `reuse` does it hold more than one event; with `fresh` it is never
 * idle again; with `reset` it is RESETTING between BUSY and IDLE.
 */
#ifndef MF_NODE_POOL_INSTANCE_H
#define MF_NODE_POOL_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/channel.h"
#include "image/settings.h"
#include "node/instance/spawner.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/loop/watch.h"

enum instance_state {
    INSTANCE_BLANK,
    INSTANCE_FREEZING,
    INSTANCE_REHEARSING,
    INSTANCE_RESTORING,
    INSTANCE_IDLE,
    INSTANCE_BUSY,
    INSTANCE_RESETTING,
    INSTANCE_DRAINING,
    INSTANCE_DEAD,
    INSTANCE_STATES
};

struct call;
struct operation;
struct streams;
struct console;
struct function;
struct pool;
struct shelf;
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
    enum isolation isolation; /* in force for it, since its start                       */
    bool used;            /* an event was pushed                                        */
    uint64_t prewarmed_ns; /* started before it was asked for: for so long it is kept    */
    bool parked;          /* rolled back: its monitor waits for `go`, not for a bell    */

    /* The pool's. */
    struct pool *pool;
    struct function *function; /* NULL: BLANK. Counted                                  */
    struct version *version;   /* the same                                              */
    struct blank blank;
    struct shelf *shelf;       /* that it was a blank of                                */
    struct watch bell, console_watch;
    struct timer timer;
    struct link by_id;         /* in the pool's table                                   */
    struct link link;          /* in the pool's blanks, or a list of its function       */
    struct link awake;         /* in the pool's awake list: the guest need not ring us  */
    struct link held;          /* in the pool's list of those not listened to            */
    struct link unseen;        /* in the pool's list of those that snapshots/recorder.c looks at */
    struct link spent;         /* in the pool's list of those that are to be killed     */
    int nice;                  /* below the node's, 0 to MF_NICE_MAX                    */
    uint32_t start_flags;      /* MF_START_… of its start                               */
    bool start_due;            /* the order to start waits for its pid, or its event    */
    int pagemap, snapshot_fd;  /* for the order to start; -1: not open                  */
    int touched_fd;            /* the same                                              */
    bool look_due;             /* after its first event: what did it touch?             */
    bool rehearses;            /* REHEARSING, or was: what it takes is nobody's use      */
    bool unbegun;              /* its head, too, goes back to the queue when it dies    */
    uint32_t resets_seen;      /* rollbacks, of struct mf_control                       */
    bool go_due;               /* it is to be entered again: its event is in the ring   */
    struct call *sending;      /* its body is not yet whole in the ring                 */
    struct streams *streams;   /* with the outside (streams/streams.h); NULL: none       */
    struct operation *operation; /* that its running event waits for; NULL: none         */
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
    uint64_t cpu_seen_ns;      /* its CPU clock, when cpu_meter.c looked last           */
    uint64_t delay_seen_ns;    /* the same of its run delay; 0: not yet                 */
};

const char *instance_state_name(enum instance_state state);
bool instance_may_go(enum instance_state from, enum instance_state to);

/* Started for our own purposes (snapshots/): it is nobody's, serves no event, and has freeze_ns. */
static inline bool instance_state_is_ours(enum instance_state state)
{
    return state == INSTANCE_FREEZING || state == INSTANCE_REHEARSING;
}

void instance_init(struct instance *instance, uint64_t now_ns);

/* The one writer of the state. A step that the table forbids is a bug of ours. */
void instance_go(struct instance *instance, enum instance_state to, uint64_t now_ns);

/* BLANK becomes RESTORING, with this isolation for good. */
void instance_start(struct instance *instance, enum isolation isolation, uint64_t now_ns);

/* Events. push: RESTORING, IDLE or BUSY with room; IDLE becomes BUSY. timeout_ns counts
 * from the moment an event is the head. pop: the head leaves, the next one begins; BUSY
 * without events becomes IDLE, RESETTING or DRAINING, as its isolation says. */
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

/* RESETTING is over. */
void instance_parked(struct instance *instance, uint64_t now_ns);

/* RESTORING: it cannot be rolled back after all, and may serve one event. */
void instance_only_once(struct instance *instance);

/* Bring the head's deadline forward. */
void instance_hurry(struct instance *instance, uint64_t deadline_ns);
/* Another one, if it does not DRAIN: that stays. */
void instance_limit(struct instance *instance, uint64_t deadline_ns);

/* When something is due that only time brings: a deadline, the wait of an event ahead,
 * the end of a state's time. TIMER_NEVER: nothing. */
struct instance_times {
    uint64_t idle_ns, drain_ns, reset_ns, freeze_ns; /* how long each of these states may last */
};
uint64_t instance_due_ns(const struct instance *instance, const struct instance_times *times);

/* Every rule of the diagram, asserted. */
void instance_check(const struct instance *instance);

#endif
