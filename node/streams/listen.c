/*
 * listen.c: see listen.h.
 * Guarantees: no connection is accepted that there is no room for; each that is ends with its stream,
 * or its instance. Leaves to others: bytes (streams.c), who gets an instance (pool/dispatch.c).
 * Owns every struct hold, and connections that wait for an instance.
 */
#include "node/streams/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/egress/address.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/pool/dispatch.h"
#include "node/pool/pool.h"
#include "node/streams/peer.h"
#include "node/streams/place.h"
#include "node/streams/streams.h"

#define ACCEPTS_A_TURN 64u

struct listening {
    struct function *function;
    struct watch watch;
    struct timer retry;   /* after a moment without descriptors, memory, or the port */
    char text[MF_LISTEN_BYTES_MAX + 1];
    char at[ADDRESS_TEXT_BYTES]; /* while watch.fd is one */
    uint16_t port;
    char *why;            /* there is none; NULL: there is; owned */
    struct link holds;
    uint32_t connections; /* accepted, and not ended yet */
    bool paused;
};

struct hold {
    struct call call;
    struct link link;            /* of listening->holds           */
    struct listening *listening; /* NULL: nobody listens any more */
    struct function *function;   /* counted                       */
    struct link waiting;         /* connections without instance  */
    struct timer timer;          /* then it asks for one again    */
    uint32_t open;               /* its instance's                */
    uint32_t live;               /* of these: with a client yet   */
    bool again;
};

static void submit(struct hold *hold);
static void again(struct timer *timer, uint64_t now_ns);
static void lives(struct hold *hold);

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

static void left(struct hold *hold)
{
    if (!hold->listening)
        return;
    hold->listening->connections--;
    pace(hold->listening);
}

static struct hold *hold_create(struct listening *listening)
{
    struct hold *hold = calloc(1, sizeof *hold);
    if (!hold)
        return NULL;
    hold->timer.fire = again;
    hold->listening = listening;
    hold->function = function_get(listening->function);
    link_init(&hold->link);
    link_init(&hold->waiting);
    list_append(&listening->holds, &hold->link);
    return hold;
}

static void hold_free(struct hold *hold)
{
    while (!list_empty(&hold->waiting)) {
        struct stream *stream = list_of(hold->waiting.next, struct stream, link);
        left(hold);
        stream_drop(stream);
    }
    list_remove(&hold->link);
    timer_stop(&hold->function->node->loop.timers, &hold->timer);
    function_put(hold->function);
    free(hold);
}

static void again(struct timer *timer, uint64_t now_ns)
{
    struct hold *hold = list_of(timer, struct hold, timer);
    (void)now_ns;
    hold->again = false;
    if (hold->listening)
        submit(hold);
    else
        hold_free(hold);
}

/* No instance could be had in time: they go on waiting, as they would in a backlog. */
static void done(struct call *call, const struct outcome *outcome)
{
    struct hold *hold = list_of(call, struct hold, call);
    hold->again = !list_empty(&hold->waiting) &&
                  (outcome->situation == SITUATION_NO_FREE_INSTANCE ||
                   outcome->situation == SITUATION_REPLIED);
    if (!hold->again && !list_empty(&hold->waiting))
        function_log_node(hold->function->log, MF_LOG_WARN, 0,
                          "connections to %s are closed: %s",
                          hold->listening ? hold->listening->text : "a port",
                          outcome->message ? outcome->message
                                           : situation_meaning(outcome->situation));
}

static void release(struct call *call)
{
    struct hold *hold = list_of(call, struct hold, call);
    struct node *node = hold->function->node;
    if (!hold->again || !hold->listening) {
        hold_free(hold);
        return;
    }
    timer_set(&node->loop.timers, &hold->timer,
              node->loop.now_ns + MF_STREAM_RETRY_MS * MF_NS_PER_MS);
}

static void submit(struct hold *hold)
{
    hold->call = (struct call){.holds = true, .name = "stream", .done = done, .release = release};
    dispatch_submit(hold->function, &hold->call);
}

/* Into the instance, or to wait for one. */
static void join(struct hold *hold, struct stream *stream)
{
    struct instance *instance = hold->call.instance;
    stream->hold = hold;
    if (!instance) {
        list_append(&hold->waiting, &stream->link);
        return;
    }
    hold->open++;
    lives(hold);
    if (streams_open(instance, stream) == MF_OK)
        return;
    hold->open--;
    hold_rests(hold);
    left(hold);
    stream_drop(stream);
}

/* One that waits for its instance, or whose instance takes more. */
static struct hold *find(const struct listening *listening)
{
    const struct function *function = listening->function;
    if (function->version->settings.isolation != ISOLATION_REUSE)
        return NULL;
    list_each(at, &listening->holds) {
        struct hold *hold = list_of(at, struct hold, link);
        const struct instance *instance = hold->call.instance;
        bool takes = instance ? instance->version == function->version && hold->open < MF_STREAMS_MAX &&
                                    (instance->state == INSTANCE_BUSY ||
                                     instance->state == INSTANCE_RESTORING)
                              : !hold->again || hold->timer.armed;
        if (takes)
            return hold;
    }
    return NULL;
}

static void arrived(struct listening *listening, int fd, const struct sockaddr_storage *peer)
{
    struct hold *hold = find(listening);
    struct stream *stream = stream_accepted(listening->function, fd, peer);
    if (!stream)
        return;
    bool made = !hold;
    if (made)
        hold = hold_create(listening);
    if (!hold) {
        stream_drop(stream);
        return;
    }
    listening->connections++;
    join(hold, stream);
    if (made)
        submit(hold);
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
    list_each_safe(at, &listening->holds) {
        struct hold *hold = list_of(at, struct hold, link);
        hold->listening = NULL;
        list_remove(&hold->link);
        if (hold->timer.armed)
            hold_free(hold);
        else if (!hold->call.instance)
            dispatch_cancel(&hold->call); /* which frees it */
    }
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

mf_err hold_begin(struct instance *instance, struct call *call)
{
    struct hold *hold = list_of(call, struct hold, call);
    call->number = ++instance->pool->last_call; /* no message of the guest's has it */
    call->instance = instance;
    hold->open = hold->live = 0;
    while (!list_empty(&hold->waiting)) {
        struct stream *stream = list_of(hold->waiting.next, struct stream, link);
        list_remove(&stream->link);
        join(hold, stream);
    }
    if (hold->open == 0 && instance->streams) /* for want of memory: it ends with the next look */
        instance->streams->over = hold;
    pool_wake(instance);
    if (hold->open)
        return MF_OK;
    call->instance = NULL;
    return MF_ENOENT;
}

bool hold_waits(const struct call *call)
{
    return !list_empty(&list_of(call, struct hold, call)->waiting);
}

uint64_t hold_limit_ns(const struct call *call)
{
    const struct hold *hold = list_of(call, struct hold, call);
    const struct instance *instance = call->instance;
    return hold->live ? HOLD_NS : instance->version->settings.timeout_ms * MF_NS_PER_MS;
}

/* Behind it somebody is, or nobody, from now on. */
static void set_limit(struct hold *hold)
{
    struct instance *instance = hold->call.instance;
    if (!instance || instance_head(instance) != &hold->call) /* it is to be: dispatch.c sets it */
        return;
    instance_limit(instance, instance->pool->node->loop.now_ns + hold_limit_ns(&hold->call));
    pool_settle(instance);
}

static void lives(struct hold *hold)
{
    if (hold->live++ == 0)
        set_limit(hold);
}

void hold_rests(struct hold *hold)
{
    mf_assert(hold->live > 0);
    if (--hold->live == 0)
        set_limit(hold);
}

bool hold_leave(struct hold *hold)
{
    hold->open--;
    left(hold);
    return hold->open == 0;
}

bool hold_is_over(const struct hold *hold)
{
    return hold->open == 0 && hold->call.instance;
}

void hold_end(struct hold *hold)
{
    struct instance *instance = hold->call.instance;
    dispatch_ended(instance, &(struct outcome){.situation = SITUATION_REPLIED,
                                               .status = 200,
                                               .instance_id = instance->blank.id,
                                               .version = instance->version});
}

bool hold_take_back(struct hold *hold, struct stream *stream, bool unbegun)
{
    hold->open--;
    if (!unbegun || stream->moved || stream->ended || stream->watch.fd < 0) {
        left(hold);
        return false;
    }
    stream->open_due = true;
    list_append(&hold->waiting, &stream->link);
    return true;
}
