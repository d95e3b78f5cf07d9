/*
 * triggering.h: what calls functions by itself: timers, changes of keys, named queues (the
 * setting `triggers`; MQTT is node/mqtt/'s). Each happening becomes an event that is appended to
 * the function's own durable queue (delivery/), in one step of the store with what it came of:
 *
 *   the wall clock ──▶ timers.c: a note "run up to …" is compared and written ──┐
 *   a function's set, delete … ──▶ keys.c: the change of the key ───────────────┼─ and ─▶ queue
 *   a push; what waits in a named queue ──▶ queues.c: its acknowledgement ──────┘
 *
 * So a node that is killed between loses none and makes none twice, and several nodes on one
 * store make one event of one happening.
 *
 * Loop thread only.
 */
#ifndef MF_NODE_TRIGGERS_TRIGGERING_H
#define MF_NODE_TRIGGERS_TRIGGERING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "image/triggers.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/loop/watch.h"
#include "node/triggers/zone.h"

struct function;
struct queue_watch;
struct node;

struct triggering {
    struct node *node;      /* NULL: not open                                       */
    struct zones zones;
    struct timers due;        /* of timers, on the wall clock, ns                     */
    struct watch clock;       /* a descriptor that wakes for the first of them, and when
                                 somebody sets the clock                              */
    struct link keys, queues; /* activations of these kinds                           */
    struct link movers;       /* one for each named queue of a tenant that has one    */
    bool clock_set;           /* by somebody, while we set the descriptor             */
    bool begun, quiet;
};

MF_CHECKED mf_err triggering_open(struct triggering *triggering, struct node *node,
                                  struct mf_why *why);
/* The functions are there, the store is open. */
void triggering_begin(struct triggering *triggering);
/* Nothing new is begun. */
void triggering_quiet(struct triggering *triggering);
/* Before the store is closed. */
void triggering_close(struct triggering *triggering);

/* Can this machine do what is asked? MF_EINVAL: not this time zone. Any thread. */
MF_CHECKED mf_err triggers_check(const struct triggers *triggers, struct mf_why *why);

/* Beside delivery_deployed() and delivery_removed(). */
void triggers_deployed(struct function *function);
void triggers_removed(struct function *function);

/* Is some deployed function triggered by that named queue? */
bool triggers_read(const struct triggering *triggering, const char *tenant, const char *queue);

/* When its timer `index` (of the settings' list) is due next, ms since 1970; 0: it is none. */
uint64_t triggers_next_ms(const struct function *function, uint32_t index);

#endif
