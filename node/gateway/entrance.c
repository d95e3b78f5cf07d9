/*
 * entrance.c: see entrance.h.
 * Guarantees: at most --connections are open, whoever serves them; the next one is accepted
 * as soon as one closes. Leaves to others: what is said over them (gateway.c).
 * Owns the listening socket and the fronts.
 */
#include "node/gateway/entrance.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/gateway/front.h"
#include "node/gateway/listen.h"
#include "node/node.h"

#define ACCEPTS_PER_TURN 64

static void ready(struct watch *watch, uint32_t events);
static void retry(struct timer *timer, uint64_t now_ns);
static void resume(struct entrance *entrance);
static void place(struct entrance *entrance, int fd);

mf_err entrance_open(struct entrance *entrance, struct node *node, struct mf_why *why)
{
    *entrance = (struct entrance){.node = node,
                                  .listen_fd = -1,
                                  .watch = {.fd = -1},
                                  .retry = {.fire = retry},
                                  .fronts_most = node->options->fronts};
    mf_err err = listen_tcp(&node->options->listen, &entrance->listen_fd, &entrance->port, why);
    if (err)
        return err;
    err = watch_add(&node->loop.watcher, &entrance->watch, entrance->listen_fd, EPOLLIN, ready);
    return err ? mf_why(why, err, "the listening socket cannot be watched") : MF_OK;
}

static void stop_listening(struct entrance *entrance)
{
    if (entrance->listen_fd < 0)
        return;
    watch_remove(&entrance->node->loop.watcher, &entrance->watch);
    timer_stop(&entrance->node->loop.timers, &entrance->retry);
    (void)close(entrance->listen_fd);
    entrance->listen_fd = -1;
}

void entrance_quiet(struct entrance *entrance)
{
    if (!entrance->node)
        return;
    stop_listening(entrance);
    gateway_quiet(&entrance->node->gateway);
    for (uint32_t i = 0; i < entrance->fronts; i++)
        front_quiet(entrance->front[i]);
}

bool entrance_rests(const struct entrance *entrance)
{
    for (uint32_t i = 0; i < entrance->fronts; i++)
        if (!entrance->front[i]->resting)
            return false;
    return true;
}

/* With the last front's thread gone, what it had sent is heard before what it owns goes. */
void entrance_close(struct entrance *entrance)
{
    if (!entrance->node)
        return;
    stop_listening(entrance);
    for (uint32_t i = 0; i < entrance->fronts; i++)
        front_stop(entrance->front[i]);
    (void)inbox_take(&entrance->node->loop.inbox);
    while (entrance->fronts > 0)
        front_destroy(entrance->front[--entrance->fronts]);
    (void)inbox_take(&entrance->node->loop.inbox); /* word of connections that were closed */
}

void entrance_wake(const struct entrance *entrance)
{
    for (uint32_t i = 0; i < entrance->fronts; i++)
        inbox_wake(&entrance->front[i]->loop.inbox);
}

uint32_t entrance_clients(const struct entrance *entrance)
{
    uint32_t clients = entrance->node->gateway.server.clients;
    for (uint32_t i = 0; i < entrance->fronts; i++)
        clients += atomic_load(&entrance->front[i]->clients);
    return clients;
}

uint32_t entrance_waiting(const struct entrance *entrance)
{
    uint32_t waiting = entrance->node->gateway.server.waiting;
    for (uint32_t i = 0; i < entrance->fronts; i++)
        waiting += atomic_load_explicit(&entrance->front[i]->waiting, memory_order_relaxed);
    return waiting;
}

static void pause_accepting(struct entrance *entrance)
{
    entrance->paused = true;
    watch_pause(&entrance->node->loop.watcher, &entrance->watch, true);
}

/* At the limit. Whoever closes a connection from now on finds `full`, and says so; one may
 * have been closed just before. */
static bool is_full(struct entrance *entrance)
{
    uint32_t most = entrance->node->options->connections;
    if (entrance_clients(entrance) < most)
        return false;
    pause_accepting(entrance);
    atomic_store(&entrance->full, true);
    if (entrance_clients(entrance) >= most || !atomic_exchange(&entrance->full, false))
        return true;
    resume(entrance);
    return false;
}

static void ready(struct watch *watch, uint32_t events)
{
    struct entrance *entrance = list_of(watch, struct entrance, watch);
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && !is_full(entrance); i++) {
        int fd = accept4(entrance->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            place(entrance, fd);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            mf_log(MF_LOG_WARN, "gateway.full", "connections=%u why=\"%s\"",
                   entrance_clients(entrance), mf_err_words(mf_err_from_errno(errno)));
            pause_accepting(entrance);
            timer_set(&entrance->node->loop.timers, &entrance->retry,
                      entrance->node->loop.now_ns + MF_ACCEPT_RETRY_MS * MF_NS_PER_MS);
            return;
        } /* else it was that connection's own trouble (accept(2)) */
    }
}

static void retry(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    resume(list_of(timer, struct entrance, retry));
}

static void resume(struct entrance *entrance)
{
    entrance->paused = false;
    watch_pause(&entrance->node->loop.watcher, &entrance->watch, false);
}

static void room_again(struct post *post)
{
    struct entrance *entrance = list_of(post, struct entrance, room);
    if (entrance->listen_fd >= 0)
        resume(entrance);
}

void entrance_left(struct entrance *entrance)
{
    if (atomic_load(&entrance->full) && atomic_exchange(&entrance->full, false))
        inbox_post(&entrance->node->loop.inbox, &entrance->room, room_again);
}

static struct front *fewest(const struct entrance *entrance, uint32_t *clients)
{
    struct front *best = NULL;
    for (uint32_t i = 0; i < entrance->fronts; i++) {
        uint32_t its = atomic_load(&entrance->front[i]->clients);
        if (!best || its < *clients) {
            *clients = its;
            best = entrance->front[i];
        }
    }
    return best;
}

/* The front with the fewest, or another one if that has as many as we. NULL: ours. */
static struct front *choose(struct entrance *entrance)
{
    uint32_t ours = entrance->node->gateway.server.clients, theirs = 0;
    uint32_t alone = entrance->node->options->front_after;
    struct mf_why why = {{0}};
    if (ours < alone || entrance->fronts_most == 0)
        return NULL;
    struct front *front = fewest(entrance, &theirs);
    if (front && (theirs < ours || entrance->fronts == entrance->fronts_most))
        return theirs < ours || alone == 0 ? front : NULL;
    mf_err err = front_create(entrance, entrance->node, &front, &why);
    if (!err) {
        entrance->front[entrance->fronts++] = front;
        return front;
    }
    mf_log(MF_LOG_WARN, "front.failed", "why=\"%s\"", mf_why_text(&why, err));
    entrance->fronts_most = entrance->fronts; /* do without more */
    return front;
}

static void place(struct entrance *entrance, int fd)
{
    struct front *front = choose(entrance);
    if (front)
        front_give(front, fd);
    else
        http_server_adopt(&entrance->node->gateway.server, fd);
}
