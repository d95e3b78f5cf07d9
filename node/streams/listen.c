/*
 * listen.c: see listen.h.
 * Guarantees: no connection is accepted that there is no room for.
 * Leaves to others: what becomes of one (hold.c), ports that cannot be had (place.c).
 * Owns every struct listening.
 */
#include "node/streams/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/streams/hold.h"
#include "node/streams/listening.h"
#include "node/streams/peer.h"
#include "node/streams/place.h"
#include "node/streams/streams.h"

#define ACCEPTS_A_TURN 64u

static uint32_t most(const struct function *function)
{
    const struct settings *settings = &function->version->settings;
    return settings->isolation == ISOLATION_REUSE ? MF_STREAMS_MAX : settings->max_instances;
}

/* Accept, or not yet. */
static void pace(struct listening *listening)
{
    struct function *function = listening->function;
    if (!peer_has_room(function) && !listening->retry.armed)
        timer_set(&function->node->loop.timers, &listening->retry,
                  function->node->loop.now_ns + MF_STREAM_RETRY_MS * MF_NS_PER_MS);
    bool pause = !function->version || function->stopped || listening->retry.armed ||
                 listening->connections >= most(function);
    if (pause == listening->paused || listening->watch.fd < 0)
        return;
    listening->paused = pause;
    watch_pause(&function->node->loop.watcher, &listening->watch, pause);
}

void listening_left(struct listening *listening)
{
    listening->connections--;
    pace(listening);
}

static void arrived(struct listening *listening, int fd, const struct sockaddr_storage *peer)
{
    struct stream *stream = stream_accepted(listening->function, fd, peer);
    if (!stream)
        return;
    listening->connections++;
    if (hold_add(listening, stream) == MF_OK)
        return;
    listening->connections--;
    stream_drop(stream);
}

static void ready(struct watch *watch, uint32_t events)
{
    struct listening *listening = list_of(watch, struct listening, watch);
    struct function *function = function_get(listening->function);
    (void)events;
    for (uint32_t i = 0; i < ACCEPTS_A_TURN && function->listening == listening &&
                         function->version && !function->stopped && peer_has_room(function) &&
                         listening->connections < most(function);
         i++) {
        struct sockaddr_storage peer = {0};
        socklen_t bytes = sizeof peer;
        int fd = accept4(watch->fd, (struct sockaddr *)&peer, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            timer_set(&function->node->loop.timers, &listening->retry,
                      function->node->loop.now_ns + MF_STREAM_RETRY_MS * MF_NS_PER_MS);
            break;
        }
        if (fd < 0)
            break;
        arrived(listening, fd, &peer);
    }
    if (function->listening == listening)
        pace(listening);
    function_put(function);
}

/* It is said once, and asked for again until it can be had. */
static void has_no_port(struct listening *listening, const struct mf_why *why)
{
    struct function *function = listening->function;
    timer_set(&function->node->loop.timers, &listening->retry,
              function->node->loop.now_ns + MF_LISTEN_AGAIN_MS * MF_NS_PER_MS);
    if (listening->why)
        return;
    listening->why = strdup(why->text);
    function_log_node(function->log, MF_LOG_ERROR, 0, "does not listen: %s", why->text);
    mf_log(MF_LOG_ERROR, "listen.failed", "fn=%s why=\"%s\"", function->name, why->text);
}

/* The version has brought it, or not. */
static mf_err find_port(const struct listening *listening, int *fd, struct mf_why *why)
{
    struct function *function = listening->function;
    *fd = function->version->port_fd;
    function->version->port_fd = -1;
    return *fd >= 0 ? MF_OK : place_open(function->node, function->name, listening->text, fd, why);
}

static void open_port(struct listening *listening)
{
    struct function *function = listening->function;
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;
    struct mf_why why = {{0}};
    int fd;
    mf_err err = find_port(listening, &fd, &why);
    if (!err && (getsockname(fd, (struct sockaddr *)&address, &bytes) != 0 ||
                 watch_add(&function->node->loop.watcher, &listening->watch, fd, EPOLLIN, ready))) {
        (void)close(fd);
        err = mf_why(&why, MF_EIO, "%s: no memory or descriptor to listen with", listening->text);
    }
    if (err) {
        has_no_port(listening, &why);
        return;
    }
    free(listening->why);
    listening->why = NULL;
    listening->port = address_port((const struct sockaddr *)&address, bytes);
    function_log_node(function->log, MF_LOG_INFO, 0, "listens at %s",
                      address_text((const struct sockaddr *)&address, bytes, listening->at));
}

static void retry(struct timer *timer, uint64_t now_ns)
{
    struct listening *listening = list_of(timer, struct listening, retry);
    (void)now_ns;
    if (listening->watch.fd < 0)
        open_port(listening);
    pace(listening);
}

bool listen_at(const struct function *function, const char *text)
{
    const struct listening *listening = function->listening;
    return listening && listening->watch.fd >= 0 && strcmp(listening->text, text) == 0;
}

uint16_t listen_port(const struct function *function)
{
    const struct listening *listening = function->listening;
    return listening && listening->watch.fd >= 0 ? listening->port : 0;
}

const char *listen_where(const struct function *function, const char **why)
{
    const struct listening *listening = function->listening;
    *why = listening ? listening->why : NULL;
    return listening && listening->watch.fd >= 0 ? listening->at : NULL;
}

void listen_close(struct function *function)
{
    struct listening *listening = function->listening;
    if (!listening)
        return;
    function->listening = NULL;
    int fd = listening->watch.fd;
    watch_remove(&function->node->loop.watcher, &listening->watch);
    if (fd >= 0)
        (void)close(fd);
    timer_stop(&function->node->loop.timers, &listening->retry);
    holds_leave(listening);
    free(listening->why);
    free(listening);
}

void listen_settle(struct function *function)
{
    const struct streaming *streaming = &function->node->streaming;
    const char *wanted = function->version && streaming->begun && !streaming->quiet
                             ? function->version->settings.listen : "";
    const struct listening *present = function->listening;
    if (present && strcmp(present->text, wanted) == 0 &&
        (present->watch.fd >= 0 || function->version->port_fd < 0)) {
        pace(function->listening);
        return;
    }
    listen_close(function);
    if (!*wanted)
        return;
    struct listening *listening = calloc(1, sizeof *listening);
    if (!listening)
        return;
    listening->function = function;
    listening->watch.fd = -1;
    listening->retry.fire = retry;
    link_init(&listening->holds);
    memcpy(listening->text, wanted, strlen(wanted) + 1);
    function->listening = listening;
    open_port(listening);
}

static void settle_one(struct function *function, void *context)
{
    (void)context;
    listen_settle(function);
}

void streaming_begin(struct streaming *streaming)
{
    streaming->begun = true;
    registry_each(&streaming->node->registry, settle_one, NULL);
}

void streaming_quiet(struct streaming *streaming)
{
    streaming->quiet = true;
    registry_each(&streaming->node->registry, settle_one, NULL);
}

