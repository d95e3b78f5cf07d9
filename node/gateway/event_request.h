/*
 * event_request.h: CloudEvents of HTTP clients (HTTP protocol binding 1.0.2): what they send in
 * structured mode reaches a function in binary mode, as it would have been sent so; a batch becomes
 * events of their own. Each function here is called by the thread that has the request.
 */
#ifndef MF_NODE_GATEWAY_EVENT_REQUEST_H
#define MF_NODE_GATEWAY_EVENT_REQUEST_H

#include "node/gateway/head.h"

/* While the head is read: what a header says of the event, and of the answer. */
void event_request_look(struct request *request, const char *name, size_t name_bytes,
                        const char *value, size_t bytes);

/* The request is whole, and not refused: call.fields and call.body become those of the event, or it
 * is refused with the reason. A batch stays as it is. */
void event_request_settle(struct request *request);

/* The events of a batch, each with an id of its own, ID-1, ID-2 …, and what else the request's head
 * has. Its body is written over. */
struct event_batch {
    size_t count;
    struct envelope *each; /* what they point to is the batch's, or the request's body */
    uint8_t *heads;
    struct budget *budget;
    size_t charged;
};
/* MF_ENOMEM: also where the node's budget has no room for the heads and what the store is handed.
 * In any case to be closed. */
MF_CHECKED mf_err event_batch_make(struct request *request, struct event_batch *batch,
                                   struct mf_why *why);
void event_batch_close(struct event_batch *batch);

/* The reply in structured mode, where the client wants it and the reply is an event; NULL: as it
 * is (answer.h). */
struct MHD_Response *event_request_answer(const struct request *request,
                                          const struct outcome *outcome);

#endif
