/*
 * callbacks.h: telling callers how their asynchronous calls ended: letters (letter.h) wait in a
 * durable queue of their own, tenant CALLBACKS_TENANT, until their hosts have taken them:
 *
 *   an attempt ended ──▶ callbacks_append ──▶ queue ──▶ take, lease ──▶ POST ──▶ an answer below
 *   (delivery/callback.h)                       ▲                        │       500: acknowledged
 *                                               └──── 5xx, 408, 429, none┘
 *
 * Where they may go says the node's option --callbacks; it is asked when a call comes in, and
 * again for each POST. A host that does not answer is left alone for longer and longer
 * (pauses.h); one that is slow has MF_CALLBACKS_PER_HOST_MAX of the places (room.h, turns.h). All in hand have
 * one part in MF_CALLBACKS_SHARE of the node's buffer, or half of that and one letter; where that is full,
 * only those that are on their way stay in hand, and of these only those that move: one that does not for
 * MF_CALLBACK_STALL_MS is ended as if its time were over. After MF_CALLBACK_AGE_MS_MAX a letter is given
 * up, which the log says.
 * Loop thread only.
 */
#ifndef MF_NODE_CALLBACKS_CALLBACKS_H
#define MF_NODE_CALLBACKS_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/settings.h"
#include "node/callbacks/pauses.h"
#include "node/callbacks/strikes.h"
#include "node/callbacks/turns.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/store/store.h"

#define CALLBACKS_TENANT MF_TENANT_CALLBACKS

struct node;

struct callbacks {
    struct node *node;
    struct queue *queue;      /* NULL: not open                                  */
    struct queue_watch watch;
    struct timer timer;       /* of the next take                                */
    struct timer stall;       /* while others want the room of those on their way */
    struct link postings;     /* letters in hand                                 */
    uint32_t in_hand;
    uint32_t operations;      /* of the store, that refer to it                  */
    uint32_t trouble;         /* takes that failed, in a row                     */
    size_t reserved;          /* of the budget, for the take under way           */
    size_t held;              /* of the budget, by letters in hand               */
    uint32_t asked;
    bool taking, more, quiet, closing;
    struct pauses pauses;
    struct strikes strikes;
    struct turns turns;
    uint64_t sent, lost;      /* letters                                         */
};

/* After the store is. What waits from an earlier life of the node is sent. */
MF_CHECKED mf_err callbacks_open(struct callbacks *callbacks, struct node *node,
                                 struct mf_why *why);
/* Take nothing any more; what is on its way is finished. */
void callbacks_quiet(struct callbacks *callbacks);
bool callbacks_rest(const struct callbacks *callbacks);
/* After the egress, before the store. What is in hand is found by the next start. */
void callbacks_close(struct callbacks *callbacks);

/* Durable when ask->done says so. Copies. MF_EFULL: as many wait as may. */
MF_CHECKED mf_err callbacks_append(struct callbacks *callbacks, const void *letter, size_t bytes,
                                   store_done done, void *context);

#endif
