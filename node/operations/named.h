/*
 * named.h: the named queues of a tenant: to which its functions, and people by the management API,
 * push, and from which functions pop or are triggered. Their settings are the same whoever asks; what
 * is pushed is a CloudEvents event. Loop thread only.
 */
#ifndef MF_NODE_OPERATIONS_NAMED_H
#define MF_NODE_OPERATIONS_NAMED_H

#include "node/events/cloudevent.h"
#include "node/store/store.h"

#define NAMED_EVENT_TYPE "mayfly.push" /* where none is given */
/* Of an append that was answered MF_EFULL: why. */
const char *named_full(const struct store_answer *answer);

struct envelope;
struct node;

/* The caller puts it. MF_EDEAD: there is no store. */
MF_CHECKED mf_err named_queue(struct node *node, const char *tenant, const char *name,
                              struct queue **queue);

/* Borrowed for the call; what has no bytes is not there. */
struct named_event {
    const char *id; /* the envelope's call id, too */
    struct event_text source, type, subject, content_type;
    uint32_t hops;  /* how often it was passed on  */
    uint64_t now_ns; /* CLOCK_REALTIME              */
};

/* Its fields: room has MF_HEAD_BYTES_MAX. */
MF_CHECKED mf_err named_event_fields(const struct named_event *named, uint8_t *room, uint32_t *bytes,
                                     struct mf_why *why);

/* Into the queue, as that envelope. Copies. As queue_append(). */
MF_CHECKED mf_err named_append(struct queue *queue, enum queue_priority priority,
                               const struct envelope *envelope, const struct store_ask *ask);

#endif
