/*
 * durability.c: see durability.h.
 * Leaves to others: that triggers need the safer file (image/settings.c). Owns nothing.
 */
#include "node/delivery/durability.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/delivery/consumer.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"

enum store_durability durability_of(const struct settings *settings)
{
    return settings && settings->durability == DURABILITY_PROCESS_CRASH ? STORE_PROCESS_CRASH
                                                                        : STORE_POWER_LOSS;
}

struct durability_hold durability_hold(const struct function *function)
{
    struct durability_hold hold = {0};
    const struct consumer *consumer = function ? function->consumer : NULL;
    if (!consumer || !function->version || function->node->delivery.shared)
        return hold;
    hold.durability = function->version->settings.durability;
    hold.count = consumer->stat.count > consumer->in_hand ? consumer->stat.count : consumer->in_hand;
    hold.dead_count = consumer->stat.dead_count;
    hold.holds = hold.count || hold.dead_count;
    return hold;
}

mf_err durability_check(const struct durability_hold *hold, const char *name,
                        const struct settings *settings, struct mf_why *why)
{
    if (!hold->holds || hold->durability == settings->durability)
        return MF_OK;
    return mf_why(why, MF_EEXIST, "durability: %s's queue holds %llu events and %llu dead letters, as %s; it "
                  "can change when it is empty: wait, `mayfly queue redrive` or `mayfly queue purge`", name,
                  (unsigned long long)hold->count, (unsigned long long)hold->dead_count,
                  durability_name(hold->durability));
}

void durability_learn(struct consumer *consumer)
{
    durability_aim_back(consumer->delivery, consumer->name);
}

bool durability_two_files(const struct delivery *delivery)
{
    return !delivery->shared && strncmp(delivery->node->options->store_url, "memory:", 7) != 0;
}

void durability_aim(struct delivery *delivery, const char *name, enum store_durability durability)
{
    const struct queue_settings there = {.durability = durability, .note_of = call_note_of};
    struct queue *queue;
    if (queue_get(delivery->store, DELIVERY_TENANT, name, &there, &queue) == MF_OK)
        queue_put(queue);
}

void durability_aim_back(struct delivery *delivery, const char *name)
{
    struct queue *queue;
    if (delivery_queue(delivery, name, &queue) == MF_OK)
        queue_put(queue);
}

void durability_settle(struct consumer *consumer)
{
    const struct function *function = consumer->function;
    bool empty = !consumer->stat.count && !consumer->stat.dead_count && !consumer->in_hand &&
                 !consumer->operations;
    if (!function || !function->version || !empty ||
        consumer->durability == durability_of(&function->version->settings))
        return;
    consumer->durability = durability_of(&function->version->settings);
    durability_learn(consumer);
    consumer->more = true; /* what was there before */
    consumer_take(consumer);
}

/* A question about the other file. */
struct look {
    struct delivery *delivery;
    char name[MF_NAME_BYTES_MAX + 1];
    enum durability durability;
};

static void looked(void *context, const struct store_answer *answer)
{
    struct look *look = context;
    const struct queue_stat *stat = &answer->stat;
    struct function *function = look->delivery->closing ? NULL : registry_find(&look->delivery->node->registry, look->name);
    if (function && !answer->err && (stat->count || stat->dead_count)) {
        function_log_node(function->log, MF_LOG_WARN, 0,
                          "%llu events and %llu dead letters stay where they are: they were accepted with "
                          "durability: %s, and are delivered when it is deployed like that again",
                          (unsigned long long)stat->count, (unsigned long long)stat->dead_count,
                          durability_name(look->durability));
        mf_log(MF_LOG_WARN, "delivery.elsewhere", "fn=%s durability=%s count=%llu dead=%llu", look->name,
               durability_name(look->durability), (unsigned long long)stat->count,
               (unsigned long long)stat->dead_count);
    }
    free(look);
}

void durability_look(struct function *function)
{
    struct delivery *delivery = &function->node->delivery;
    struct queue *queue;
    bool look_there = delivery->store && !delivery->quiet && durability_two_files(delivery);
    struct look *look = look_there ? calloc(1, sizeof *look) : NULL;
    if (!look)
        return;
    bool safer = function->version->settings.durability == DURABILITY_POWER_LOSS;
    const struct store_ask ask = {delivery_now_ms(delivery), looked, look};
    look->delivery = delivery;
    look->durability = safer ? DURABILITY_PROCESS_CRASH : DURABILITY_POWER_LOSS;
    memcpy(look->name, function->name, sizeof look->name);
    mf_err err = delivery_queue(delivery, function->name, &queue);
    if (!err) {
        durability_aim(delivery, function->name, safer ? STORE_PROCESS_CRASH : STORE_POWER_LOSS);
        err = queue_stat(queue, &ask);
        durability_aim_back(delivery, function->name);
        queue_put(queue);
    }
    if (err)
        free(look);
}
