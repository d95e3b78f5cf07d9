/*
 * stop.c: see stop.h.
 * Guarantees: a function is stopped before the first event is taken for it, if it was when the
 * node ended. A write that fails is logged: then the stop ends with the node.
 */
#include "node/delivery/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/delivery/consumer.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/pool/dispatch.h"
#include "node/pool/outgoing.h"
#include "node/node.h"
#include "node/streams/listen.h"

#define KEY_PREFIX "stopped/"

static void scanned(void *context, const struct store_answer *answer);

static struct store_bytes key_of(const struct delivery *delivery, const char *name,
                                 char room[static MF_KEY_BYTES_MAX])
{
    int bytes = snprintf(room, MF_KEY_BYTES_MAX, KEY_PREFIX "%s/%s",
                         delivery->node->options->node_name, name);
    mf_assert(bytes > 0 && bytes < (int)MF_KEY_BYTES_MAX);
    return (struct store_bytes){room, (size_t)bytes};
}

static void kept(void *context, const struct store_answer *answer)
{
    (void)context;
    if (answer->err && answer->err != MF_ENOENT)
        mf_log(MF_LOG_WARN, "function.stop-not-kept", "why=\"%s\"", mf_err_words(answer->err));
}

/* reason NULL: it is stopped no more. */
static void keep(const struct function *function, const char *reason)
{
    struct delivery *delivery = &function->node->delivery;
    char room[MF_KEY_BYTES_MAX];
    if (!delivery->own || delivery->quiet)
        return;
    const struct store_bytes key = key_of(delivery, function->name, room);
    const struct store_ask ask = {delivery_now_ms(delivery), kept, NULL};
    mf_err err = reason ? space_set(delivery->own, key,
                                    (struct store_bytes){reason, strlen(reason)}, 0, &ask)
                        : space_delete(delivery->own, key, &ask);
    if (err)
        mf_log(MF_LOG_WARN, "function.stop-not-kept", "fn=%s why=\"%s\"", function->name,
               mf_err_words(err));
}

static bool set(struct function *function, const char *reason, size_t bytes)
{
    if (function->stopped)
        return false;
    function->stopped =
        strndup(reason, bytes < MF_STOP_REASON_BYTES_MAX ? bytes : MF_STOP_REASON_BYTES_MAX);
    return function->stopped != NULL;
}

void stop_function(struct function *function, const char *reason)
{
    if (!set(function, reason, strlen(reason)))
        return;
    function_log_node(function->log, MF_LOG_ERROR, 0, "stopped: %s", function->stopped);
    mf_log(MF_LOG_ERROR, "function.stopped", "fn=%s why=\"%s\"", function->name, function->stopped);
    keep(function, function->stopped);
    (void)function_get(function);
    dispatch_refuse_all(function, &(struct outcome){.situation = SITUATION_STOPPED,
                                                    .message = function->stopped,
                                                    .message_bytes = strlen(function->stopped)});
    listen_settle(function);
    outgoing_stopped(function);
    if (function->consumer)
        list_each_safe(at, &function->consumer->attempts)
            attempt_return(list_of(at, struct attempt, link));
    function_put(function);
}

void stop_lift(struct function *function)
{
    if (!function->stopped)
        return;
    free(function->stopped);
    function->stopped = NULL;
    keep(function, NULL);
    function_log_node(function->log, MF_LOG_INFO, 0, "started again");
    mf_log(MF_LOG_INFO, "function.started", "fn=%s", function->name);
    listen_settle(function);
    if (function->consumer) {
        function->consumer->more = true;
        consumer_take(function->consumer);
    }
}

void stop_forget(struct function *function)
{
    if (!function->stopped)
        return;
    free(function->stopped);
    function->stopped = NULL;
    keep(function, NULL);
}

/* ---- when the node starts ---- */

static void ask_after(struct delivery *delivery, struct store_bytes after)
{
    char room[MF_KEY_BYTES_MAX];
    const struct store_bytes prefix = key_of(delivery, "", room);
    const struct store_ask ask = {delivery_now_ms(delivery), scanned, delivery};
    if (!delivery->own ||
        space_scan(delivery->own, prefix, after, MF_SCAN_COUNT_MAX, SIZE_MAX, true, &ask) != MF_OK)
        delivery_sweep(delivery);
}

void stop_restore(struct delivery *delivery)
{
    ask_after(delivery, (struct store_bytes){0});
}

static void scanned(void *context, const struct store_answer *answer)
{
    struct delivery *delivery = context;
    char room[MF_KEY_BYTES_MAX], name[MF_NAME_BYTES_MAX + 1];
    size_t prefix = key_of(delivery, "", room).bytes;
    if (answer->err)
        mf_log(MF_LOG_WARN, "function.stops-unknown", "why=\"%s\"", mf_err_words(answer->err));
    for (size_t i = 0; !answer->err && i < answer->count; i++) {
        const struct space_pair *pair = &answer->pairs[i];
        size_t bytes = pair->key.bytes - prefix;
        if (bytes >= sizeof name)
            continue;
        memcpy(name, (const char *)pair->key.data + prefix, bytes);
        name[bytes] = 0;
        struct function *function = registry_find(&delivery->node->registry, name);
        if (function)
            (void)set(function, pair->value.data, pair->value.bytes);
    }
    if (delivery->closing)
        return;
    if (!answer->err && answer->more && answer->count)
        ask_after(delivery, answer->pairs[answer->count - 1].key);
    else
        delivery_sweep(delivery);
}
