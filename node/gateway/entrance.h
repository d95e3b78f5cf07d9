/*
 * entrance.h: the gateway's listening socket, and which loop gets a connection. Few clients
 * are served by the functions' own loop, where a call costs no other thread's wake-up; of
 * more than --front-after the next go to where there are fewest, and fronts
 * (front.h) are started for them. docs/adr/0003 says why. Thread: the functions' loop,
 * except where said.
 */
#ifndef MF_NODE_GATEWAY_ENTRANCE_H
#define MF_NODE_GATEWAY_ENTRANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/loop/inbox.h"
#include "node/loop/timer.h"
#include "node/loop/watch.h"

struct front;
struct node;

struct entrance {
    struct node *node;
    int listen_fd;            /* -1: closed                                        */
    uint16_t port;            /* as bound                                          */
    struct watch watch;
    struct timer retry;       /* after a want of descriptors                       */
    struct front *front[MF_FRONTS_MAX];
    uint32_t fronts;          /* started                                           */
    uint32_t fronts_most;     /* that may be                                       */
    bool paused;              /* accepts nothing now                               */
    atomic_bool full;         /* paused until a connection closes                  */
    struct post room;         /* from whoever found it full, and has closed one    */
};

/* Listen; the first connection is accepted in the loop's next turn. */
MF_CHECKED mf_err entrance_open(struct entrance *entrance, struct node *node,
                                struct mf_why *why);
/* No more connections, no more requests: what runs is finished. */
void entrance_quiet(struct entrance *entrance);
/* Answers have been put into fronts' inboxes: let them look. */
void entrance_wake(const struct entrance *entrance);
/* Has every front answered what it had? */
bool entrance_rests(const struct entrance *entrance);
/* When nothing of the fronts' requests is with the dispatcher any more. */
void entrance_close(struct entrance *entrance);

/* A connection has closed: there may be room again. Any thread. */
void entrance_left(struct entrance *entrance);

/* Connections that are open, and requests that wait for their answer. */
uint32_t entrance_clients(const struct entrance *entrance);
uint32_t entrance_waiting(const struct entrance *entrance);

#endif
