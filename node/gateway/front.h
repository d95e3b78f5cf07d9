/*
 * front.h: a gateway in a thread and a loop of its own: it speaks HTTP with its share of the
 * connections, and hands the requests to the loop that the functions belong to. It is started
 * when there are more clients than one loop shall have (entrance.h), and then stays; without
 * work it sleeps. Thread: the functions' loop, except where said.
 */
#ifndef MF_NODE_GATEWAY_FRONT_H
#define MF_NODE_GATEWAY_FRONT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "node/gateway/gateway.h"
#include "node/loop/loop.h"

struct entrance;
struct node;

struct front {
    struct entrance *entrance;
    atomic_uint clients;     /* connections given to it that are not closed */
    atomic_uint waiting;     /* of its requests, when its last turn ended   */
    pthread_t thread;
    struct post quiet, stop, rested;
    bool quieted;            /* it was told to be quiet                     */
    bool resting;            /* it is quiet, and has answered all: no request comes from it */

    /* Its own thread's. */
    struct loop loop;
    struct gateway gateway;
    bool said_rested;
};

/* Its thread runs when this is over. *front: the caller's, to end with front_destroy(). */
MF_CHECKED mf_err front_create(struct entrance *entrance, struct node *node,
                               struct front **front, struct mf_why *why);
/* A connection that was accepted, non-blocking; the front's from now on, whatever comes. */
void front_give(struct front *front, int fd);
/* Refuse what comes, finish what is there, then rest. */
void front_quiet(struct front *front);
/* In this order, when the dispatcher has nothing of it any more: the thread ends; then, with
 * the functions' inbox emptied, what is left goes. Requests that are not answered never are. */
void front_stop(struct front *front);
void front_destroy(struct front *front);

#endif
