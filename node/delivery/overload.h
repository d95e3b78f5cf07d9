/*
 * overload.h: which of a function's events go first, and what becomes of those that find its
 * queue full (settings `priority` and `overload`). Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_OVERLOAD_H
#define MF_NODE_DELIVERY_OVERLOAD_H

#include "image/settings.h"
#include "node/delivery/delivery.h"

/* Makes an event of an urgent function bulk, if its value is `bulk`. Nobody makes one urgent:
 * who calls a function is a stranger to the node's others. */
#define PRIORITY_HEADER "x-mayfly-priority"

enum queue_priority overload_priority(const struct function *function,
                                      const struct envelope *envelope);
enum queue_overflow overload_overflow(const struct settings *settings);

/* Is the event to be kept (submission.kept) until the store has answered? */
bool overload_keeps(const struct settings *settings, const struct envelope *envelope);
/* The submission's event is durable, and so many were dropped or buried with it. */
void overload_appended(struct submission *submission, uint32_t number);
/* That host has taken it, which is kept: it ends as "offloaded". */
void overload_offloaded(struct submission *submission, const char *host);
/* The function's queue is full, and has not taken the event. Finishes the submission. */
void overload_refused(struct submission *submission);

#endif
