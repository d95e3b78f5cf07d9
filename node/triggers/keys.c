/*
 * keys.c: `key`: the events that come of a change of a key, appended in the same step of the
 * store (operations/change.h).
 *
 * The event: type mayfly.key, subject the key, `change` set, delete or increment, `valuebytes`
 * how long the new value is; data is that value, if it is not too long. A key that is no text
 * stands in `keyhex`. What expires is no change.
 *
 * Guarantees: who reacts to its own changes does so a bounded number of times.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/delivery.h"
#include "node/delivery/output_event.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/operations/operations.h"
#include "node/pool/call.h"
#include "node/node.h"
#include "node/triggers/activation.h"

#define TYPE "mayfly.key"
#define SOURCE_PERSON "/api"

/* What is appended beside one change; the list of a beside points into it. */
struct events {
    struct store_also also[MF_STORE_ALSO_MAX];
    struct function *function[MF_STORE_ALSO_MAX];
    struct occurrence each[]; /* of each */
};

static mf_err before(struct node *node, const struct key_change *change, struct store_beside *beside);
static void after(struct node *node, struct store_beside *beside);

void keys_open(struct triggering *triggering)
{
    triggering->node->operations.key_changes = (struct key_change_watch){before, after};
}

/* Functions of the tenant with a trigger on that key, each once. */
static size_t find_functions(const struct triggering *triggering, const struct key_change *change,
                             struct function *found[MF_STORE_ALSO_MAX])
{
    size_t count = 0;
    list_each(at, &triggering->keys) {
        struct activation *activation = list_of(at, struct activation, by_kind);
        const struct trigger *trigger = &activation->trigger;
        bool takes = trigger->text_bytes <= change->key.bytes &&
                     memcmp(trigger->text, change->key.data, trigger->text_bytes) == 0 &&
                     strcmp(activation->function->version->settings.tenant, change->tenant) == 0;
        for (size_t i = 0; i < count && takes; i++)
            takes = found[i] != activation->function;
        if (takes && count == MF_STORE_ALSO_MAX) {
            function_log_node(activation->function->log, MF_LOG_WARN, 0, "trigger key %s: %u functions react to "
                              "a change of this key already; this one hears of none", trigger->text,
                              MF_STORE_ALSO_MAX);
            break;
        }
        if (takes)
            found[count++] = activation->function;
    }
    return count;
}

/* ---- the event ---- */

static const char *change_name(enum key_change_kind kind)
{
    static const char *const name[] = {[KEY_SET] = "set",
                                       [KEY_DELETE] = "delete",
                                       [KEY_INCREMENT] = "increment",
                                       [KEY_COMPARE_AND_SET] = "set"}; /* what is compared before is set, too */
    return name[kind];
}

static mf_err put_key(struct cloudevent *event, struct store_bytes key, char hex[static 2 * MF_KEY_BYTES_MAX + 1])
{
    if (cloudevent_set(event, "subject", (struct event_text){key.data, key.bytes}, NULL) == MF_OK)
        return MF_OK;
    if (key.bytes > MF_KEY_BYTES_MAX)
        return MF_ETOOBIG;
    (void)sodium_bin2hex(hex, 2 * MF_KEY_BYTES_MAX + 1, key.data, key.bytes);
    return cloudevent_set(event, "keyhex", (struct event_text){hex, 2 * key.bytes}, NULL);
}

/* Nobody knows the sum of an increment before the store does. */
static mf_err put_value(struct cloudevent *event, const struct key_change *change, char room[static 24])
{
    if (change->kind != KEY_SET && change->kind != KEY_COMPARE_AND_SET)
        return MF_OK;
    int digits = snprintf(room, 24, "%zu", change->value.bytes);
    if (change->value.bytes <= MF_TRIGGER_VALUE_BYTES_MAX) {
        event->data = change->value.data;
        event->data_bytes = change->value.bytes;
    }
    return cloudevent_set(event, "valuebytes", (struct event_text){room, (size_t)digits}, NULL);
}

/* What makes it this change and no other: of a function's event the same one each time it is
 * delivered again. */
struct cause {
    char source[MF_NAME_BYTES_MAX + 16];
    char number[24];
    const char *call;
    uint32_t hops;
};

static void find_cause(const struct key_change *change, struct cause *cause)
{
    *cause = (struct cause){.source = SOURCE_PERSON, .call = "", .hops = 1};
    if (!change->cause) {
        static uint32_t persons; /* two within a nanosecond */
        (void)snprintf(cause->number, sizeof cause->number, "%llu",
                       (unsigned long long)mf_realtime_ns() + persons++);
        return;
    }
    struct call *call = instance_head(change->cause->instance);
    (void)snprintf(cause->source, sizeof cause->source, "/functions/%s", change->cause->function->name);
    (void)snprintf(cause->number, sizeof cause->number, "%u", ++call->pushes);
    cause->call = call->name;
    cause->hops = output_hops(call->fields, call->field_bytes) + 1;
}

static mf_err make_event(const struct key_change *change, const struct cause *cause, const char *target,
                         uint64_t now_ms, struct occurrence *occurrence)
{
    const char *kind = change_name(change->kind);
    char hex[2 * MF_KEY_BYTES_MAX + 1], room[24];
    const struct event_text texts[] = {{"key", 3},
                                       {cause->call, strlen(cause->call)},
                                       {cause->source, strlen(cause->source)},
                                       {cause->number, strlen(cause->number)},
                                       {target, strlen(target)}};
    mf_err err = occurrence_init(occurrence, TYPE, cause->source, now_ms);
    if (!err)
        err = put_key(&occurrence->event, change->key, hex);
    if (!err)
        err = cloudevent_set(&occurrence->event, "change", (struct event_text){kind, strlen(kind)}, NULL);
    if (!err)
        err = put_value(&occurrence->event, change, room);
    return err ? err : occurrence_finish(occurrence, texts, sizeof texts / sizeof texts[0], cause->hops);
}

/* ---- beside the change ---- */

static bool ends_here(const struct key_change *change, const struct cause *cause)
{
    if (cause->hops <= MF_THEN_HOPS_MAX)
        return false;
    function_log_node(change->cause->function->log, MF_LOG_WARN, change->cause->instance->blank.id,
                      "trigger key: this change comes of %u others, one of the other; it is made, and calls "
                      "nobody any more", cause->hops - 1);
    return true;
}

static mf_err make_events(struct node *node, const struct key_change *change, const struct cause *cause,
                          struct function *const *functions, size_t count, struct store_beside *beside)
{
    struct events *events = calloc(1, sizeof *events + count * sizeof events->each[0]);
    if (!events)
        return MF_ENOMEM;
    mf_err err = MF_OK;
    beside->list = events->also;
    for (size_t i = 0; i < count && !err; i++) {
        struct store_also *also = &events->also[i];
        err = make_event(change, cause, functions[i]->name, delivery_now_ms(&node->delivery), &events->each[i]);
        if (!err)
            err = delivery_target(functions[i], NULL, &also->queue, &also->priority);
        if (err) {
            occurrence_close(&events->each[i]);
            break;
        }
        also->event = (struct store_bytes){events->each[i].envelope, events->each[i].bytes};
        events->function[i] = functions[i];
        beside->count++;
    }
    return err;
}

static mf_err before(struct node *node, const struct key_change *change, struct store_beside *beside)
{
    struct triggering *triggering = &node->triggering;
    struct function *functions[MF_STORE_ALSO_MAX];
    struct cause cause;
    size_t count = list_empty(&triggering->keys) ? 0 : find_functions(triggering, change, functions);
    if (count == 0)
        return MF_OK;
    find_cause(change, &cause);
    return ends_here(change, &cause) ? MF_OK : make_events(node, change, &cause, functions, count, beside);
}

static void after(struct node *node, struct store_beside *beside)
{
    if (!beside->list)
        return;
    struct events *events = list_of(beside->list, struct events, also);
    for (size_t i = 0; i < beside->count; i++) {
        delivery_recount(&node->delivery, events->function[i]->name);
        queue_put(events->also[i].queue);
        occurrence_close(&events->each[i]);
    }
    free(events);
    *beside = (struct store_beside){0};
}
