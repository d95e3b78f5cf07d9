/*
 * triggering.c: which triggers are in force (triggering.h).
 * Guarantees: a trigger that a new version has, too, goes on without a break; one that no
 * version has any more leaves nothing behind.
 * Owns every activation.
 */
#include "node/triggers/triggering.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/functions/function.h"
#include "node/node.h"
#include "node/triggers/activation.h"

mf_err triggering_open(struct triggering *triggering, struct node *node, struct mf_why *why)
{
    *triggering = (struct triggering){.node = node, .clock = {.fd = -1}};
    link_init(&triggering->keys);
    link_init(&triggering->queues);
    link_init(&triggering->movers);
    keys_open(triggering);
    queues_open(triggering);
    return timers_open(triggering, why);
}

static void begin_one(struct function *function, void *context)
{
    (void)context;
    triggers_deployed(function);
}

void triggering_begin(struct triggering *triggering)
{
    triggering->begun = true;
    registry_each(&triggering->node->registry, begin_one, NULL);
}

void triggering_quiet(struct triggering *triggering)
{
    triggering->quiet = true;
}

static void end(struct activation *activation, bool forget)
{
    switch (activation->trigger.kind) {
    case TRIGGER_EVERY:
    case TRIGGER_CRON:
        timer_end(activation, forget);
        break;
    case TRIGGER_QUEUE:
        queue_trigger_end(activation);
        break;
    case TRIGGER_KEY:
    case TRIGGER_MQTT:
        break;
    }
    list_remove(&activation->by_kind);
    list_remove(&activation->link);
    activation->function = NULL;
    activation_let_go(activation);
}

static void end_all(struct function *function, void *context)
{
    const bool *forget = context;
    list_each_safe(at, &function->triggers)
        end(list_of(at, struct activation, link), *forget);
}

void triggering_close(struct triggering *triggering)
{
    bool forget = false;
    if (!triggering->node)
        return;
    triggering->quiet = true;
    registry_each(&triggering->node->registry, end_all, &forget);
    queues_close(triggering);
    timers_close(triggering);
}

mf_err triggers_check(const struct triggers *triggers, struct mf_why *why)
{
    struct zones zones = {0};
    for (uint32_t i = 0; i < triggers->count; i++) {
        struct zone *zone = NULL;
        struct mf_why inner = {{0}};
        if (triggers->each[i].kind != TRIGGER_CRON)
            continue;
        mf_err err = zone_get(&zones, triggers->each[i].timezone, &zone, &inner);
        if (err)
            return mf_why(why, MF_EINVAL, "triggers: entry %u: timezone: %.*s", i + 1,
                          (int)sizeof inner.text - 64, mf_why_text(&inner, err));
        zone_put(&zones, zone);
    }
    return MF_OK;
}

static bool same(const struct trigger *a, const struct trigger *b)
{
    return a->kind == b->kind && strcmp(a->text, b->text) == 0 &&
           strcmp(a->timezone, b->timezone) == 0;
}

static struct activation *find(const struct function *function, const struct trigger *trigger)
{
    list_each(at, &function->triggers)
        if (same(&list_of(at, struct activation, link)->trigger, trigger))
            return list_of(at, struct activation, link);
    return NULL;
}

static bool wants(const struct settings *settings, const struct activation *activation)
{
    for (uint32_t i = 0; i < settings->triggers.count; i++)
        if (same(&settings->triggers.each[i], &activation->trigger))
            return true;
    return false;
}

static void begin(struct function *function, const struct trigger *trigger)
{
    struct triggering *triggering = &function->node->triggering;
    struct activation *activation = calloc(1, sizeof *activation);
    char *text = strdup(trigger->text);
    if (!activation || !text) {
        free(activation);
        free(text);
        mf_log(MF_LOG_ERROR, "trigger.none", "fn=%s why=\"no memory\"", function->name);
        return;
    }
    activation->owner = triggering;
    activation->function = function;
    memcpy(activation->name, function->name, sizeof activation->name);
    activation->trigger = *trigger;
    activation->trigger.text = text;
    link_init(&activation->link);
    link_init(&activation->by_kind);
    list_append(&function->triggers, &activation->link);
    if (trigger->kind == TRIGGER_KEY)
        list_append(&triggering->keys, &activation->by_kind);
    else if (trigger->kind == TRIGGER_QUEUE)
        queue_trigger_begin(activation);
    else
        timer_begin(activation);
}

/* Those of queues begin anew: the tenant may be another one. */
void triggers_deployed(struct function *function)
{
    struct triggering *triggering = &function->node->triggering;
    const struct settings *settings = &function->version->settings;
    if (!triggering->begun || triggering->quiet)
        return; /* triggering_begin() comes by */
    list_each_safe(at, &function->triggers) {
        struct activation *activation = list_of(at, struct activation, link);
        if (activation->trigger.kind == TRIGGER_QUEUE || !wants(settings, activation))
            end(activation, true);
    }
    for (uint32_t i = 0; i < settings->triggers.count; i++) {
        const struct trigger *trigger = &settings->triggers.each[i];
        struct activation *there = find(function, trigger);
        if (trigger->kind == TRIGGER_MQTT)
            continue;
        if (there)
            there->trigger.once = trigger->once;
        else
            begin(function, trigger);
    }
}

void triggers_removed(struct function *function)
{
    bool forget = true;
    end_all(function, &forget);
}

void activation_let_go(struct activation *activation)
{
    if (activation->function || activation->operations)
        return;
    zone_put(&activation->owner->zones, activation->zone);
    free(activation->trigger.text);
    free(activation);
}

uint64_t triggers_next_ms(const struct function *function, uint32_t index)
{
    const struct settings *settings = &function->version->settings;
    const struct activation *activation =
        index < settings->triggers.count ? find(function, &settings->triggers.each[index]) : NULL;
    return activation && activation->state == ACTIVATION_WAITING ? activation->due_ms : 0;
}
