/*
 * offload.h: events for which a function has no room, posted to its setting offload_url, another
 * node's /async-function/NAME. Such an event is done when that answers 202, and refused like any
 * other that has no room if not. Its path and query are put behind the URL; its headers go with
 * it, its id, too, and OFFLOADED_HEADER: what came so is not posted on, so that two nodes do not
 * hand an event to and fro. Events that come several at once are refused. Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_OFFLOAD_H
#define MF_NODE_DELIVERY_OFFLOAD_H

#include <stdbool.h>

struct delivery;
struct settings;
struct submission;

#define OFFLOADED_HEADER "x-mayfly-offloaded"

/* Is the event to be kept for it (submission.kept) until the store has answered? */
bool offload_may(const struct settings *settings);

/* Post what is kept; finishes the submission, now or later. */
void offload_send(struct submission *submission);

/* Nobody answers any more: finishes all that are under way. */
void offload_close(struct delivery *delivery);

#endif
