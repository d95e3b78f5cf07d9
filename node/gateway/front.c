/*
 * front.c: see front.h.
 * Guarantees: a front that rests submits nothing any more; what it holds is its thread's
 * until front_stop() is over. Leaves to others: requests (gateway.c), their way to the
 * functions (handoff.c), which connections it gets (entrance.c).
 */
#include "node/gateway/front.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/gateway/entrance.h"
#include "node/node.h"

struct arrival {
    struct post post;
    struct front *front;
    int fd;
};

static void *run(void *argument);
static bool work(void *owner);
static bool rest(void *owner);
static void over(void *owner);
static const struct loop_parts parts = {work, rest, over};
static void left(struct http_server *server);

mf_err front_create(struct entrance *entrance, struct node *node, struct front **front,
                    struct mf_why *why)
{
    struct front *made = calloc(1, sizeof *made);
    sigset_t all, before;
    if (!made)
        return mf_why(why, MF_ENOMEM, "no memory");
    made->entrance = entrance;
    mf_err err = loop_open(&made->loop, &parts, made, why);
    if (!err)
        err = gateway_open(&made->gateway, &made->loop, node, &intake_handoff, left, why);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the functions' loop */
    if (!err && pthread_create(&made->thread, NULL, run, made) != 0)
        err = mf_why(why, MF_EAGAIN, "no thread could be started");
    if (!err)
        (void)pthread_setname_np(made->thread, "front");
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err)
        front_destroy(made);
    else
        *front = made;
    return err;
}

static void *run(void *argument)
{
    struct front *front = argument;
    loop_run(&front->loop);
    return NULL;
}

static void arrived(struct post *post)
{
    struct arrival *arrival = list_of(post, struct arrival, post);
    http_server_adopt(&arrival->front->gateway.server, arrival->fd);
    free(arrival);
}

void front_give(struct front *front, int fd)
{
    struct arrival *arrival = malloc(sizeof *arrival);
    if (!arrival) {
        (void)close(fd);
        return;
    }
    *arrival = (struct arrival){.front = front, .fd = fd};
    (void)atomic_fetch_add(&front->clients, 1);
    inbox_post(&front->loop.inbox, &arrival->post, arrived);
}

static void be_quiet(struct post *post)
{
    gateway_quiet(&list_of(post, struct front, quiet)->gateway);
}

void front_quiet(struct front *front)
{
    if (front->quieted)
        return;
    front->quieted = true;
    inbox_post(&front->loop.inbox, &front->quiet, be_quiet);
}

static void be_stopped(struct post *post)
{
    loop_stop(&list_of(post, struct front, stop)->loop);
}

void front_stop(struct front *front)
{
    inbox_post(&front->loop.inbox, &front->stop, be_stopped);
    (void)pthread_join(front->thread, NULL);
}

void front_destroy(struct front *front)
{
    if (front->loop.open) {
        (void)inbox_take(&front->loop.inbox); /* what came after its last turn */
        gateway_close(&front->gateway);
    }
    loop_close(&front->loop);
    free(front);
}

/* ---- in its thread ---- */

static bool work(void *owner)
{
    struct front *front = owner;
    bool more = http_server_run(&front->gateway.server);
    inbox_wake(&front->gateway.node->loop.inbox);
    return more;
}

static bool rest(void *owner)
{
    struct front *front = owner;
    return !front->gateway.server.ready;
}

static void rests(struct post *post)
{
    list_of(post, struct front, rested)->resting = true;
}

static void over(void *owner)
{
    struct front *front = owner;
    struct http_server *server = &front->gateway.server;
    http_server_sleep(server);
    atomic_store_explicit(&front->waiting, server->waiting, memory_order_relaxed);
    if (!front->gateway.stopping || front->said_rested || http_server_busy(server))
        return;
    front->said_rested = true;
    inbox_post(&front->gateway.node->loop.inbox, &front->rested, rests);
}

static void left(struct http_server *server)
{
    struct front *front = list_of(server, struct front, gateway.server);
    (void)atomic_fetch_sub(&front->clients, 1);
    entrance_left(front->entrance);
}
