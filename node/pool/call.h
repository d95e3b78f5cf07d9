/*
 * call.h: one event on its way through a function: from a trigger (the gateway) to
 * an instance and back. Who made it owns it; the dispatcher borrows it from
 * dispatch_submit() until release(). Loop thread only.
 */
#ifndef MF_NODE_POOL_CALL_H
#define MF_NODE_POOL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "image/settings.h"
#include "node/loop/list.h"

struct function;
struct instance;
struct call;
struct popped;
struct version;

/* How a call can end. X(NAME, HTTP status, code in answers, meaning) */
#define SITUATIONS(X)                                                                     \
    X(REPLIED, 200, "replied", "the function replied; status, fields and body are its own") \
    X(HANDLER_FAILED, 500, "handler-failed", "the function's handler returned an error")  \
    X(BAD_ANSWER, 502, "bad-answer", "what the function's program answered cannot be passed on") \
    X(UNKNOWN_FUNCTION, 404, "unknown-function", "no such function is deployed here")     \
    X(METHOD_NOT_ALLOWED, 405, "method-not-allowed", "not a method of this path")         \
    X(NO_CALLBACKS, 501, "no-callbacks", "this node calls nobody back; leave X-Callback-Url out, " \
      "and ask for the call's end by its id: mayfly call ID")                             \
    X(QUEUE_FULL, 429, "queue-full", "as many events wait for the function as may")       \
    X(STOPPED, 503, "stopped", "the function is stopped; `mayfly start NAME` lets it go on")  \
    X(DISK_FULL, 507, "disk-full", "the disk has no room for the event")                  \
    X(STORE_AWAY, 503, "store-away", "the store of events does not answer")               \
    X(NO_SUCH_PATH, 404, "no-such-path", "nothing is served at this path")                \
    X(BAD_REQUEST, 400, "bad-request", "the request cannot become an event")              \
    X(BODY_TOO_BIG, 413, "body-too-big", "the request's body is over the limit")          \
    X(HEAD_TOO_BIG, 431, "head-too-big", "the request's fields are over a limit")         \
    X(NO_FREE_INSTANCE, 429, "no-free-instance", "no instance was free within the wait bound") \
    X(CANNOT_START, 503, "cannot-start", "the node could not start an instance")          \
    X(NODE_FULL, 503, "node-full", "the node holds as many bytes as it may")              \
    X(STOPPING, 503, "stopping", "the node is being stopped")                             \
    X(INSTANCE_FAULT, 502, "instance-fault", "the instance ended before it answered")     \
    X(PROTOCOL, 502, "protocol", "the instance broke the protocol, and was ended")        \
    X(DEADLINE, 504, "deadline", "the function did not answer in time, and was ended")

#define SITUATION_ENUM(NAME, status, code, meaning) SITUATION_##NAME,
enum situation { SITUATIONS(SITUATION_ENUM) SITUATION_COUNT };

/* Borrowed for the call of done(), but for body_owner. */
struct outcome {
    enum situation situation;
    uint32_t status;            /* REPLIED: the function's                          */
    const char *message;        /* words for a person; may be NULL                  */
    size_t message_bytes;
    const char *cause;          /* of a fault: a name as in abi/cause.h; or NULL    */
    const char *report;         /* of a fault: what its kernel told of it (logs/console.h); or NULL */
    size_t report_bytes;
    uint64_t instance_id;       /* 0: none was involved                             */
    const struct version *version; /* REPLIED: the one that ran                     */
    const uint8_t *fields;      /* REPLIED: checked, abi/event.h                    */
    uint32_t field_bytes;
    const uint8_t *body;
    size_t body_bytes;
    struct mf_buf *body_owner;  /* where body is heap: done() may take it, leaving {0} */
};

struct call {
    struct link link;           /* in its function's queue, while it waits there */
    struct function *function;  /* set by dispatch_submit()                      */
    struct instance *instance;  /* whose ring it is in; NULL: none               */
    uint64_t number;            /* its id on the channel                         */
    uint64_t arrived_ns;
    uint64_t wait_until_ns;     /* for an instance to begin it                   */
    bool cancelled;             /* nobody waits: done() is not called            */
    bool reply_unwanted;        /* its status is enough: fields, body not kept, unless its
                                   version passes them on (setting `then`)       */

    /* The event; the maker's. Stays as it is until release(): it may be sent again. */
    const uint8_t *fields;
    uint32_t field_bytes;
    const uint8_t *body;
    size_t body_bytes;
    const char *name;           /* its call id, for logs                         */
    bool bulk;                  /* even if the function's events are urgent      */
    bool holds;                 /* no event: connections hold an instance (streams/hold.h) */

    /* The dispatcher's. */
    uint64_t ran_ns;             /* in an instance; when done() is called          */
    enum priority priority;      /* which of its function's queues it waits in     */
    uint32_t blanks_failed;      /* that it was to have                            */
    size_t body_sent;
    uint32_t pushes;            /* of its event, to queues, so far (operations/)  */
    struct popped *popped;      /* from queues, of its event (operations/popped.h) */
    uint32_t popped_count;
    uint32_t status;            /* of the reply that has begun; 0: none          */
    struct mf_buf reply_fields;
    struct mf_buf reply_body;
    size_t reply_bytes;         /* of its body, kept or not                      */
    size_t reply_charged;       /* of the node's budget                          */
    bool reply_dropped;         /* the budget was used up                        */

    /* The answer. Once at most; not after dispatch_cancel(). */
    void (*done)(struct call *call, const struct outcome *outcome);
    /* The dispatcher is finished with it. Once, last; may come from within
     * dispatch_submit() and dispatch_cancel(). */
    void (*release)(struct call *call);
};

/* The status, code and meaning of SITUATIONS. */
uint32_t situation_status(enum situation situation);
const char *situation_code(enum situation situation);
const char *situation_meaning(enum situation situation);

/* Its end, from wherever it waits or ran: tell whoever made it, unless that one has gone; then
 * let go of it, which ends in release(). */
void call_answer(struct call *call, const struct outcome *outcome);
void call_let_go(struct call *call);

#endif
