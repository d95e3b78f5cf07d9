/*
 * delivery.h: asynchronous calls: events that are accepted when they are durable in their
 * function's queue, and then delivered at least once.
 *
 *   submit ──▶ queue ──▶ take, lease ──▶ call ──▶ below 500: acknowledged, gone
 *                ▲                        │  ├──▶ failed: back, later (retry.h) ─┐
 *                │                        │  └──▶ failed too often: dead letter  │
 *                └────────────────────────┼──────────────────────────────────────┘
 *                                         └──▶ found no instance: kept in hand, tried again
 *
 * A queue belongs to a function's name, in the store, tenant DELIVERY_TENANT. What waits there
 * when its function is removed stays, and is delivered when one of that name is deployed, as durable
 * as it was (durability.h).
 *
 * Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_DELIVERY_H
#define MF_NODE_DELIVERY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "image/settings.h"
#include "node/delivery/calls.h"
#include "node/delivery/envelope.h"
#include "node/functions/registry.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/pool/call.h"
#include "node/store/store.h"

#define DELIVERY_TENANT MF_TENANT_FUNCTIONS

struct function;
struct node;

struct delivery {
    struct node *node;
    struct store *store;     /* NULL: not open                                          */
    struct space *own;       /* what the node itself keeps there; NULL: nothing         */
    bool shared;             /* other nodes deliver from the same queues                */
    uint64_t clock_ms;       /* what CLOCK_MONOTONIC lacks of the time, when it opened  */
    struct link consumers;
    struct link ready;       /* attempts that the next turn begins                      */
    struct link over;        /* those whose end it writes                               */
    size_t held_bytes;       /* of events in hand, of the node's budget                 */
    struct link roomless;    /* consumers that wait for some of it, in turn             */
    struct link takers;      /* those that take when all of `over` is settled           */
    bool settling;           /* it is being settled                                     */
    struct link offloads;    /* events on their way to other nodes (offload.h)          */
    uint32_t offload_count;
    struct registry_cursor sweep;
    bool sweeping;           /* functions' queues have not all been looked at yet       */
    uint32_t looks;          /* that are under way                                      */
    bool begun, quiet, closing;
    struct calls calls;
};

/* How events and attempts at them end, as counted. X(NAME, word) */
#define DELIVERY_OUTCOMES(X) \
    X(DELIVERED, "delivered") X(RETRIED, "retried") X(DEAD, "dead") X(DROPPED, "dropped") \
    X(PURGED, "purged") X(OFFLOADED, "offloaded")
#define OUTCOME_ENUM(NAME, word) OUTCOME_##NAME,
enum delivery_outcome { DELIVERY_OUTCOMES(OUTCOME_ENUM) OUTCOME_COUNT };

/* What a function's queue is to this node: made with the first event, or when the node starts
 * and finds some; lives as long as the function is deployed and something of it is on its way. */
struct consumer {
    struct link link;             /* in delivery.consumers                              */
    struct link roomless;         /* in delivery.roomless                               */
    struct link taker;            /* in delivery.takers                                 */
    struct delivery *delivery;
    struct function *function;    /* NULL: removed; borrowed                            */
    char name[MF_NAME_BYTES_MAX + 1];
    struct queue *queue;
    enum store_durability durability; /* where it is; as the settings say, once it was empty */
    struct queue_watch watch;
    struct timer timer;           /* of the next take                                   */
    struct link attempts;         /* events in hand                                     */
    uint32_t running, in_hand;    /* in_hand: those, too, whose end is being written    */
    uint32_t operations;          /* of the store, that refer to it                     */
    bool taking;
    bool more;                    /* a take may find something                          */
    bool sizing;                  /* a stat is under way                                */
    uint32_t trouble;             /* takes that failed, in a row                        */
    size_t reserved;              /* of the budget, for the take under way              */
    uint32_t asked;               /* entries, by that take                              */
    struct queue_stat stat;       /* as last asked for, and what we did since           */
    uint64_t outcomes[OUTCOME_COUNT];
};

/* Opens the store. */
MF_CHECKED mf_err delivery_open(struct delivery *delivery, struct node *node,
                                struct mf_why *why);
/* The functions are there: look at their queues. */
void delivery_begin(struct delivery *delivery);
/* Those that are stopped are known: look at their queues. */
void delivery_sweep(struct delivery *delivery);
/* Begin attempts that are due. True: there was something. */
bool delivery_turn(struct delivery *delivery);
/* Is there something for the next turn? */
bool delivery_due(const struct delivery *delivery);
/* Take nothing any more; what waits in hand goes back. */
void delivery_quiet(struct delivery *delivery);
/* Nothing is in hand or on its way to the store. */
bool delivery_rests(const struct delivery *delivery);
/* No call of ours is with the dispatcher any more. Answers all that the store was asked, also
 * by others, and closes it. What is in hand is found in its queue by the next start. */
void delivery_close(struct delivery *delivery);

/* The store's now (store.h). */
uint64_t delivery_now_ms(const struct delivery *delivery);

/* The function is new, or has other settings. */
void delivery_deployed(struct function *function);
void delivery_removed(struct function *function);

/* An event on its way into the queue of its function. The caller's until done(). */
struct submission {
    struct consumer *consumer;
    uint8_t *kept; /* a copy of the envelope, for who may need it yet; NULL: none */
    size_t bytes;
    size_t count; /* of events */
    char call_id[MF_CALL_ID_BYTES_MAX + 1]; /* for the log, of one whose function buries what is too much; "" */
    bool anyhow;  /* also of a function that is stopped, as long as its queue has room: who sent it was
                     not asked, and cannot be told; the caller's, before it is submitted */
    /* SITUATION_REPLIED: accepted, as durable as a disk is. Else why not; nothing was kept. */
    void (*done)(struct submission *submission, enum situation situation, const char *message);
};
/* Copies the envelope. done() may be called from within. */
void delivery_submit(struct function *function, const struct envelope *envelope,
                     struct submission *submission);
/* Several, 1 … MF_QUEUE_BATCH_MAX: all of them are accepted, or none. */
void delivery_submit_all(struct function *function, const struct envelope *envelopes, size_t count,
                         struct submission *submission);

/* Between this folder's files: done(), and what refers to the submission. */
void delivery_finish(struct submission *submission, enum situation situation, const char *message);

/* For who appends with a change of his own (store.h, "beside"): the queue of a deployed function,
 * which the caller puts, and where in it. envelope: NULL, as if it said nothing. */
MF_CHECKED mf_err delivery_target(struct function *function, const struct envelope *envelope,
                                  struct queue **queue, enum queue_priority *priority);
/* So many bytes were. */
void delivery_appended(struct function *function, size_t bytes);

/* The queue of that name, for questions and repairs; the caller puts it. Made if it is none of a
 * deployed function. */
MF_CHECKED mf_err delivery_queue(struct delivery *delivery, const char *name,
                                 struct queue **queue);
/* Its size was changed by somebody else. */
void delivery_recount(struct delivery *delivery, const char *name);

#endif
