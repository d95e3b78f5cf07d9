/*
 * ended.h: events that end without an attempt, or another one: dropped, too old, purged, taken by another node. Each is
 * said in its function's log, to who asks for its call, and to who wants to be called back. Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_ENDED_H
#define MF_NODE_DELIVERY_ENDED_H

#include "node/delivery/delivery.h"

struct ended_how {
    enum call_state state;
    uint32_t attempts;
    const char *line; /* of the log          */
    const char *last; /* for who asks for it */
};

/* A line about an event, rationed as a guest's lines are: there may be thousands a second. function: NULL: it has no log
 * any more. call_id: NULL: nobody's. */
void ended_line(const struct function *function, const char *call_id, const char *line);
/* In the log, and for who asks. name: of its function, deployed or not. */
void ended_as(struct delivery *delivery, const char *name, const struct envelope *envelope,
              const struct ended_how *how);
/* A consumer's watch (queue_watch.ended): all of it, and the consumer's tally. */
void ended_told(struct queue_watch *watch, const struct queue_entry *entries, size_t count);
/* Of a purge, for a queue that may be no deployed function's: nothing where a consumer watches it. */
void ended_purged(struct delivery *delivery, const char *name, const struct queue_entry *entries, size_t count);

#endif
