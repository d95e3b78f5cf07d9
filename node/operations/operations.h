/*
 * operations.h: what running functions ask of the node (abi/operation.h), on its way.
 *
 *   guest: OPERATION ──▶ decode.c ──▶ permit.c ──▶ values.c, queues.c: the store
 *                            │            │    └──▶ services: egress, mqtt, triggers
 *                 nonsense: the          denied: answered at once
 *                 instance ends            ▼
 *   guest: result ◀── operation_answer() ◀─┘ from within, or later
 *
 * An instance has one at most, of its running event. When the instance ends first, the
 * operation is lost: it goes on, its answer goes nowhere. So no answer reaches an event that
 * did not ask for it.
 *
 * Loop thread only.
 */
#ifndef MF_NODE_OPERATIONS_OPERATIONS_H
#define MF_NODE_OPERATIONS_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/delivery/envelope.h"
#include "node/events/cloudevent.h"
#include "node/loop/list.h"
#include "node/operations/change.h"
#include "node/operations/decode.h"
#include "node/store/store.h"

struct channel_message;
struct function;
struct instance;
struct node;
struct version;

/* One under way. */
struct operation {
    struct link link;            /* in operations.all                                     */
    struct node *node;
    struct instance *instance;   /* whose; NULL: lost, nobody waits for the answer        */
    struct function *function;   /* counted */
    struct version *version;     /* of the instance: its settings; counted                */
    uint32_t number;             /* the guest's */
    uint64_t begun_ns;
    struct operation_request request; /* its parts are borrowed: until who serves it returns */

    /* For who serves it. */
    void *server;
    /* Nobody waits any more; NULL: does not matter. May answer from within, or later. */
    void (*lost)(struct operation *operation);

    /* queues.c's. */
    char pushed_id[EVENT_ID_BYTES]; /* PUSH: the event's id                          */
    struct queue *popping;  /* POP                                           */
    uint8_t *popped;        /* fields and body, once they are taken; owned   */
    size_t popped_head_bytes, popped_bytes;
};

/* What it came to. All of it is borrowed for the call. */
struct operation_reply {
    enum mf_result_error error;
    int64_t value;
    uint32_t flags;
    const void *head; /* fields; NULL: none */
    size_t head_bytes;
    const void *data;
    size_t data_bytes;
};

/* Who serves an operation calls one of these, once, from within or later, lost or not; it is
 * gone then. More than MF_CHUNK_BYTES_MAX together: TOO_LARGE instead. */
void operation_answer(struct operation *operation, const struct operation_reply *reply);
/* With words for a person instead of data; "" or NULL: none. */
void operation_refuse(struct operation *operation, enum mf_result_error error, const char *words);
/* What the store, or anybody with its errors, means to a function. */
enum mf_result_error operation_error(mf_err err);

/* Of what comes of the instance's event: how often that was passed on, and once more. */
uint32_t operation_hops(const struct operation *operation);
#define OPERATION_CIRCLE "an event of this one's kind was passed on too often; do functions push or publish to " \
                         "each other in a circle?"

/* An event that is pushed to a queue of a tenant. */
struct queued_event {
    const char *tenant;
    const char *queue;
    enum queue_priority priority;
    const struct envelope *envelope; /* its call id is the event's id */
};

/* Other parts of the node, which serve what needs them. Set when the node starts; NULL: the
 * answer is UNAVAILABLE. The request is sound and permitted (permit.h); each must answer, as
 * above. */
struct operation_services {
    void (*fetch)(struct operation *operation);   /* node/egress/: checks allow.http itself */
    void (*secret)(struct operation *operation);  /* node/egress/ */
    void (*publish)(struct operation *operation); /* node/mqtt/   */
    /* node/triggers/: true: functions have a trigger on that queue, and it answers when all of
     * their queues have the event (operation_pushed()). False: it stays in the queue. */
    bool (*push)(struct operation *operation, const struct queued_event *event);
};

struct operations {
    struct node *node;
    struct link all;
    uint64_t counts[MF_OPERATION_END][MF_RESULT_COUNT]; /* as answered */
    struct operation_services services;
    struct key_change_watch key_changes;
};

void operations_open(struct operations *operations, struct node *node);
/* Nobody waits for any. Those that are under way go on until the store is closed. */
void operations_close(struct operations *operations);

/* The guest's message. MF_EPROTO: the instance must end. */
MF_CHECKED mf_err operation_take(struct instance *instance, const struct channel_message *message,
                                 struct mf_why *why);
/* The instance has ended: if it has one, it is lost. */
void operation_lost(struct instance *instance);

/* A push is done, or not: err as of the store. words: NULL, or why. */
void operation_pushed(struct operation *operation, mf_err err, const char *words);

/* values.c, queues.c: sound and permitted. */
void operation_value(struct operation *operation);
void operation_push(struct operation *operation);
void operation_pop(struct operation *operation);

#endif
