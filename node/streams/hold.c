/*
 * hold.c: see hold.h.
 * Guarantees: a connection that waits gets an instance, or is closed and said to be.
 * Leaves to others: bytes (streams.c), who gets an instance (pool/choice.c).
 * Owns every struct hold, and connections that wait for an instance.
 */
#include "node/streams/hold.h"

#include <stdlib.h>

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/pool/dispatch.h"
#include "node/pool/pool.h"
#include "node/streams/listening.h"
#include "node/streams/peer.h"
#include "node/streams/streams.h"

#define HOLD_NS (UINT64_MAX / 4) /* connections last as long as their ends want */

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

static void left(struct hold *hold)
{
    if (hold->listening)
        listening_left(hold->listening);
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

mf_err hold_add(struct listening *listening, struct stream *stream)
{
    struct hold *hold = find(listening);
    bool made = !hold;
    if (made)
        hold = hold_create(listening);
    if (!hold)
        return MF_ENOMEM;
    join(hold, stream);
    if (made)
        submit(hold);
    return MF_OK;
}

void holds_leave(struct listening *listening)
{
    list_each_safe(at, &listening->holds) {
        struct hold *hold = list_of(at, struct hold, link);
        hold->listening = NULL;
        list_remove(&hold->link);
        if (hold->timer.armed)
            hold_free(hold);
        else if (!hold->call.instance)
            dispatch_cancel(&hold->call); /* which frees it */
    }
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
