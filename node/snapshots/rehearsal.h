/*
 * rehearsal.h: a function that warms up before its freeze (setting warm_up) does the same once
 * more from its snapshot when that has been made, and nobody asks anything of it yet: so it is
 * known which pages an event touches (recorder.h) before the first client comes. One at a time,
 * beside everything else; no request waits for it. Where the node has no room for another instance it is done
 * when it has. Loop thread only.
 *
 * It is no event: what it says is told to nobody, nothing of it is counted as use, and it is as
 * alone as it was before the freeze: what it asks of the node, and a connection to the outside,
 * ends it.
 */
#ifndef MF_NODE_SNAPSHOTS_REHEARSAL_H
#define MF_NODE_SNAPSHOTS_REHEARSAL_H

#include <stdint.h>

#include "base/err.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"

struct channel_message;
struct function;
struct instance;
struct node;

struct rehearsal {
    struct node *node;         /* NULL: not open, or nothing is begun any more    */
    struct link queue;         /* functions that want one, by their rehearsal_due */
    struct timer retry;        /* the spawner took no more, or there was no room  */
    struct instance *instance; /* REHEARSING; NULL: none                          */
    uint64_t number;           /* of its event, on the channel                    */
    uint64_t reply_bytes;      /* of its body, so far                             */
};

void rehearsal_open(struct rehearsal *rehearsal, struct node *node);
/* Nothing is begun any more. */
void rehearsal_quiet(struct rehearsal *rehearsal);

/* The function's snapshot is READY: have one, if it warms up and its pages are not known. */
void rehearsal_want(struct function *function);
/* Its version is not in force any more. May end the instance. */
void rehearsal_cancel(struct function *function);
/* What the last one touched is written down. */
void rehearsal_next(struct rehearsal *rehearsal);

/* From the pool, of the REHEARSING instance: it said something, which may end it; MF_EPROTO: it may
 * not say that. It takes too long, asks for something or broke a rule, and is ended by this. It is
 * gone, whatever the reason. */
MF_CHECKED mf_err rehearsal_said(struct instance *instance, const struct channel_message *message,
                                 struct mf_why *why);
void rehearsal_broke(struct instance *instance, const char *why);
void rehearsal_lost(const struct instance *instance);

#endif
