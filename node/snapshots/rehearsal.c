/*
 * rehearsal.c: see rehearsal.h.
 * Guarantees: at most MF_REHEARSALS_MAX of a version's snapshot, each ended within MF_FREEZE_MS_MAX;
 * after one that broke a rule, or asked for something, there is no other.
 * Leaves to others: what was touched (recorder.c), the instance (pool/). Loop thread only.
 */
#include "node/snapshots/rehearsal.h"

#include <string.h>

#include "abi/channel.h"
#include "base/clock.h"
#include "base/limits.h"
#include "node/functions/function.h"
#include "node/instance/channel.h"
#include "node/instance/event.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/pool/pool.h"
#include "node/pool/start.h"
#include "node/snapshots/snapshots.h"

#define FIELD_BYTES_MAX (MF_WARM_UP_BYTES_MAX + 512u)

static void retry(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    rehearsal_next(list_of(timer, struct rehearsal, retry));
}

void rehearsal_open(struct rehearsal *rehearsal, struct node *node)
{
    *rehearsal = (struct rehearsal){.node = node, .retry = {.fire = retry}};
    link_init(&rehearsal->queue);
}

void rehearsal_quiet(struct rehearsal *rehearsal)
{
    if (!rehearsal->node)
        return;
    while (!list_empty(&rehearsal->queue))
        list_remove(rehearsal->queue.next);
    timer_stop(&rehearsal->node->loop.timers, &rehearsal->retry);
    rehearsal->node = NULL;
}

static bool may(const struct function *function)
{
    const struct version *version = function->version;
    return version && version->settings.warm_up && version->snapshot.state == SNAPSHOT_READY &&
           version->snapshot.facts.touched.state == TOUCHED_WANTED &&
           version->snapshot.rehearsals < MF_REHEARSALS_MAX;
}

void rehearsal_want(struct function *function)
{
    struct rehearsal *rehearsal = &function->node->freezer.rehearsal;
    if (!rehearsal->node || !may(function) || !list_empty(&function->rehearsal_due))
        return;
    list_append(&rehearsal->queue, &function->rehearsal_due);
    rehearsal_next(rehearsal);
}

void rehearsal_cancel(struct function *function)
{
    struct rehearsal *rehearsal = &function->node->freezer.rehearsal;
    struct instance *instance = rehearsal->instance;
    list_remove(&function->rehearsal_due);
    if (!instance || instance->function != function)
        return;
    rehearsal->instance = NULL; /* else rehearsal_lost() would have the next one for this version, which is in force yet */
    pool_retire(instance);
    rehearsal_next(rehearsal);
}

/* The request that kernel/contract/ makes before the freeze, as an event. */
static mf_err put_event(struct instance *instance, uint64_t id, uint64_t deadline_ns)
{
    static const char agent[] = "user-agent", name[] = "mayfly-warm-up";
    static const char type[] = "content-type", json[] = "application/json";
    uint8_t fields[FIELD_BYTES_MAX];
    struct field_writer writer;
    const struct settings *settings = &instance->version->settings;
    const bool http = settings->contract == CONTRACT_HTTP;
    const char *path = http ? settings->warm_up : "/", *body = http ? "" : settings->warm_up;
    const char *query = strchr(path, '?');
    field_writer_init(&writer, fields, sizeof fields);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, http ? "GET" : "POST", http ? 3 : 4);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, path, query ? (size_t)(query - path) : strlen(path));
    if (query)
        field_put(&writer, MF_FIELD_QUERY, NULL, 0, query + 1, strlen(query + 1));
    field_put(&writer, MF_FIELD_HEADER, agent, sizeof agent - 1, name, sizeof name - 1);
    if (!http)
        field_put(&writer, MF_FIELD_HEADER, type, sizeof type - 1, json, sizeof json - 1);
    if (writer.err)
        return writer.err;
    const struct mf_desc desc = {.id = id,
                                 .type = MF_MSG_INVOKE,
                                 .flags = MF_MSG_END,
                                 .head_bytes = writer.bytes,
                                 .data_bytes = writer.bytes + (uint32_t)strlen(body),
                                 .arg = deadline_ns};
    return channel_put(&instance->blank.channel, &desc, fields, body);
}

static mf_err begin(struct rehearsal *rehearsal, struct function *function)
{
    struct pool *pool = &rehearsal->node->pool;
    struct instance *instance;
    struct mf_why why = {{0}};
    mf_err err = pool_rehearse(function, &instance, &why);
    if (err)
        return err;
    instance->version->snapshot.rehearsals++;
    rehearsal->instance = instance;
    rehearsal->number = ++pool->last_call;
    rehearsal->reply_bytes = 0;
    err = put_event(instance, rehearsal->number,
                    rehearsal->node->loop.now_ns + MF_FREEZE_MS_MAX * MF_NS_PER_MS);
    if (err) {
        rehearsal_broke(instance, "its event does not fit");
        return MF_OK;
    }
    instance->bell_due = true;
    pool_wake(instance);
    return MF_OK;
}

/* Not now, but in so long, as the spawner comes back, or somebody else's instance goes; 0: never, of that snapshot. */
static uint64_t later_ms(mf_err err)
{
    if (err == MF_EAGAIN || err == MF_EDEAD)
        return MF_FREEZER_RETRY_MS;
    return err == MF_EFULL || err == MF_ENOMEM ? MF_REHEARSAL_ROOM_MS : 0;
}

void rehearsal_next(struct rehearsal *rehearsal)
{
    while (rehearsal->node && !rehearsal->instance && !rehearsal->node->freezer.recorder.in_job &&
           !list_empty(&rehearsal->queue)) {
        struct function *function = list_of(rehearsal->queue.next, struct function, rehearsal_due);
        list_remove(&function->rehearsal_due);
        const uint64_t ms = may(function) ? later_ms(begin(rehearsal, function)) : 0;
        if (ms) {
            list_append(&rehearsal->queue, &function->rehearsal_due);
            timer_set(&rehearsal->node->loop.timers, &rehearsal->retry, rehearsal->node->loop.now_ns + ms * MF_NS_PER_MS);
            return;
        }
    }
}

/* All of it: it has answered as it did before the freeze. */
static mf_err take_reply(struct rehearsal *rehearsal, struct instance *instance, const struct channel_message *message,
                         struct mf_why *why)
{
    rehearsal->reply_bytes += message->data_bytes - message->head_bytes;
    if (rehearsal->reply_bytes > MF_BODY_BYTES_MAX)
        return mf_why(why, MF_EPROTO, "a reply of more than %u bytes", MF_BODY_BYTES_MAX);
    if (!message->end)
        return MF_OK;
    recorder_look(&instance->pool->node->freezer.recorder, instance);
    pool_retire(instance);
    return MF_OK;
}

mf_err rehearsal_said(struct instance *instance, const struct channel_message *message,
                      struct mf_why *why)
{
    struct rehearsal *rehearsal = &instance->pool->node->freezer.rehearsal;
    if (rehearsal->instance != instance || message->id != rehearsal->number)
        return mf_why(why, MF_EPROTO, "a reply to event %llu, which does not run here",
                      (unsigned long long)message->id);
    switch (message->type) {
    case MF_MSG_REPLY:
    case MF_MSG_REPLY_BODY:
        return take_reply(rehearsal, instance, message, why);
    case MF_MSG_ERROR:
        rehearsal_broke(instance, "it failed");
        return MF_OK;
    case MF_MSG_OPERATION:
        rehearsal_broke(instance, "it asked the node for something");
        return MF_OK;
    default:
        return mf_why(why, MF_EPROTO, "a message of type %u", (unsigned)message->type);
    }
}

void rehearsal_broke(struct instance *instance, const char *why)
{
    function_log_node(instance->function->log, MF_LOG_INFO, instance->blank.id,
                      "the warm-up, done again from the snapshot, broke off: %s; what an event touches is "
                      "learned from the first ones", why);
    instance->version->snapshot.rehearsals = MF_REHEARSALS_MAX;
    pool_retire(instance);
}

void rehearsal_lost(const struct instance *instance)
{
    struct rehearsal *rehearsal = &instance->pool->node->freezer.rehearsal;
    if (rehearsal->instance != instance)
        return;
    rehearsal->instance = NULL;
    if (rehearsal->node)
        rehearsal_want(instance->function);
    rehearsal_next(rehearsal);
}
