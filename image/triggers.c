/*
 * triggers.c: the setting `triggers` from JSON and back (triggers.h).
 * Guarantees: every trigger is within its bounds, and has only what its kind has.
 */
#include "image/triggers.h"

#include <stdlib.h>
#include <string.h>

#include "image/duration.h"
#include "image/settings.h"
#include "image/topic.h"

static const char *const kind_names[] = {
    [TRIGGER_MQTT] = "mqtt", [TRIGGER_EVERY] = "every", [TRIGGER_CRON] = "cron",
    [TRIGGER_KEY] = "key",   [TRIGGER_QUEUE] = "queue",
};
#define KINDS (sizeof kind_names / sizeof kind_names[0])

static mf_err take_one(const json_t *object, struct trigger *trigger, struct mf_why *why);
static bool same(const struct trigger *a, const struct trigger *b);
static json_t *one_to_json(const struct trigger *trigger);

mf_err triggers_from_json(const json_t *list, struct triggers *triggers, struct mf_why *why)
{
    if (!json_is_array(list))
        return mf_why(why, MF_EINVAL, "triggers: must be a list of objects, as [{\"every\": \"10s\"}]");
    size_t count = json_array_size(list);
    if (count > MF_TRIGGERS_MAX)
        return mf_why(why, MF_EINVAL, "triggers: %zu; %u are allowed", count, MF_TRIGGERS_MAX);
    struct triggers taken = {.each = count ? calloc(count, sizeof *taken.each) : NULL};
    mf_err err = count && !taken.each ? MF_ENOMEM : MF_OK;
    for (size_t i = 0; i < count && !err; i++) {
        struct mf_why inner = {0};
        taken.count++; /* what is half made is freed, too */
        err = take_one(json_array_get(list, i), &taken.each[i], &inner);
        if (err)
            (void)mf_why(why, err, "triggers: entry %zu: %.*s", i + 1,
                         (int)sizeof inner.text - 40, mf_why_text(&inner, err));
        for (size_t j = 0; j < i && !err; j++)
            if (same(&taken.each[i], &taken.each[j]))
                err = mf_why(why, MF_EINVAL, "triggers: entry %zu is the same as entry %zu", i + 1,
                             j + 1);
    }
    if (err) {
        triggers_close(&taken);
        return err;
    }
    triggers_close(triggers);
    *triggers = taken;
    return MF_OK;
}

json_t *triggers_to_json(const struct triggers *triggers)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < triggers->count; i++) {
        if (json_array_append_new(list, one_to_json(&triggers->each[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

mf_err triggers_copy(const struct triggers *from, struct triggers *to)
{
    *to = (struct triggers){.each = from->count ? calloc(from->count, sizeof *to->each) : NULL};
    if (from->count && !to->each)
        return MF_ENOMEM;
    for (uint32_t i = 0; i < from->count; i++) {
        struct trigger *copy = &to->each[to->count++];
        *copy = from->each[i];
        copy->text = strdup(from->each[i].text);
        if (!copy->text) {
            triggers_close(to);
            return MF_ENOMEM;
        }
    }
    return MF_OK;
}

void triggers_close(struct triggers *triggers)
{
    for (uint32_t i = 0; i < triggers->count; i++)
        free(triggers->each[i].text);
    free(triggers->each);
    *triggers = (struct triggers){0};
}

const char *trigger_kind_name(enum trigger_kind kind)
{
    return (size_t)kind < KINDS ? kind_names[kind] : "unknown";
}

bool triggers_has(const struct triggers *triggers, enum trigger_kind kind)
{
    for (uint32_t i = 0; i < triggers->count; i++)
        if (triggers->each[i].kind == kind)
            return true;
    return false;
}

static mf_err set_text(struct trigger *trigger, const char *text)
{
    trigger->text_bytes = strlen(text);
    trigger->text = strdup(text);
    return trigger->text ? MF_OK : MF_ENOMEM;
}

static mf_err take_mqtt(const char *text, struct trigger *trigger, struct mf_why *why)
{
    trigger->qos = 1;
    mf_err err = topic_filter_check(text, strlen(text), why);
    return err ? err : set_text(trigger, text);
}

static mf_err take_every(const char *text, struct trigger *trigger, struct mf_why *why)
{
    uint64_t ms;
    if (!duration_from_text(text, &ms))
        return mf_why(why, MF_EINVAL, "no duration; a number with its unit: 500ms, 60s, 10m, 4h");
    if (ms < MF_TRIGGER_EVERY_MS_MIN || ms > MF_TRIGGER_EVERY_MS_MAX)
        return mf_why(why, MF_EINVAL, "%ums to %uh are allowed", MF_TRIGGER_EVERY_MS_MIN,
                      MF_TRIGGER_EVERY_MS_MAX / 3600000u);
    char room[DURATION_TEXT_BYTES];
    trigger->every_ms = (uint32_t)ms;
    return set_text(trigger, duration_to_text(trigger->every_ms, room));
}

static mf_err take_cron(const char *text, struct trigger *trigger, struct mf_why *why)
{
    memcpy(trigger->timezone, "UTC", sizeof "UTC");
    mf_err err = cron_parse(text, &trigger->cron, why);
    return err ? err : set_text(trigger, text);
}

static mf_err take_prefix(const char *text, struct trigger *trigger, struct mf_why *why)
{
    if (strlen(text) > MF_KEY_BYTES_MAX)
        return mf_why(why, MF_EINVAL, "%zu bytes; %u are allowed", strlen(text), MF_KEY_BYTES_MAX);
    return set_text(trigger, text);
}

static mf_err take_queue(const char *text, struct trigger *trigger, struct mf_why *why)
{
    if (!settings_name_valid(text, strlen(text)))
        return mf_why(why, MF_EINVAL, "not the name of a queue; 1 to %d of a-z, 0-9 and -, no - at "
                      "either end", MF_NAME_BYTES_MAX);
    return set_text(trigger, text);
}

/* A path below the system's zone files that leaves it under no circumstances. */
static bool timezone_spelled(const char *name)
{
    size_t bytes = strlen(name);
    if (bytes == 0 || bytes > MF_TIMEZONE_BYTES_MAX || name[0] == '/' || name[bytes - 1] == '/')
        return false;
    for (const char *c = name; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (!letter && !(*c >= '0' && *c <= '9') && !strchr("_+-/", *c))
            return false;
        if (*c == '/' && c[1] == '/')
            return false;
    }
    return true;
}

static mf_err take_qos(const json_t *value, struct trigger *trigger, struct mf_why *why)
{
    json_int_t qos = json_integer_value(value);
    if (!json_is_integer(value) || qos < 0 || qos > 2)
        return mf_why(why, MF_EINVAL, "qos: 0, 1 or 2");
    trigger->qos = (uint8_t)qos;
    return MF_OK;
}

static mf_err take_nodes(const json_t *value, struct trigger *trigger, struct mf_why *why)
{
    const char *text = json_string_value(value);
    trigger->every_node = text && strcmp(text, "every") == 0;
    if (!trigger->every_node && (!text || strcmp(text, "one") != 0))
        return mf_why(why, MF_EINVAL, "nodes: one or every");
    return MF_OK;
}

static mf_err take_timezone(const json_t *value, struct trigger *trigger, struct mf_why *why)
{
    const char *name = json_string_value(value);
    if (!name || !timezone_spelled(name))
        return mf_why(why, MF_EINVAL, "timezone: not a name like UTC or Europe/Vienna");
    memcpy(trigger->timezone, name, strlen(name) + 1);
    return MF_OK;
}

static mf_err take_missed(const json_t *value, struct trigger *trigger, struct mf_why *why)
{
    const char *text = json_string_value(value);
    trigger->once = text && strcmp(text, "once") == 0;
    if (!trigger->once && (!text || strcmp(text, "skip") != 0))
        return mf_why(why, MF_EINVAL, "missed: skip or once");
    return MF_OK;
}

/* What stands beside the key that names the kind. */
static mf_err take_other(const char *key, const json_t *value, struct trigger *trigger,
                         struct mf_why *why)
{
#define KIND(NAME) (1u << TRIGGER_##NAME)
    static const struct {
        const char *key;
        unsigned kinds;
        mf_err (*take)(const json_t *, struct trigger *, struct mf_why *);
    } other[] = {
        {"qos", KIND(MQTT), take_qos},
        {"nodes", KIND(MQTT), take_nodes},
        {"timezone", KIND(CRON), take_timezone},
        {"missed", KIND(EVERY) | KIND(CRON), take_missed},
    };
#undef KIND
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        if (strcmp(key, other[i].key) != 0)
            continue;
        if (!(other[i].kinds >> trigger->kind & 1))
            return mf_why(why, MF_EINVAL, "%s: does not go with %s", key, kind_names[trigger->kind]);
        return other[i].take(value, trigger, why);
    }
    for (const char *c = key; *c; c++)
        if (*c < ' ' || *c > '~')
            key = "(not printable)";
    return mf_why(why, MF_EINVAL, "\"%.80s\" is not a key of a trigger", key);
}

static mf_err take_kind(const json_t *value, struct trigger *trigger, struct mf_why *why)
{
    static mf_err (*const take[])(const char *, struct trigger *, struct mf_why *) = {
        [TRIGGER_MQTT] = take_mqtt, [TRIGGER_EVERY] = take_every, [TRIGGER_CRON] = take_cron,
        [TRIGGER_KEY] = take_prefix, [TRIGGER_QUEUE] = take_queue,
    };
    const char *name = kind_names[trigger->kind];
    const char *text = json_string_value(value);
    if (!text || strlen(text) != json_string_length(value))
        return mf_why(why, MF_EINVAL, "%s: must be a string", name);
    struct mf_why inner = {0};
    mf_err err = take[trigger->kind](text, trigger, &inner);
    return err ? mf_why(why, err, "%s: %.*s", name, (int)sizeof inner.text - 16,
                        mf_why_text(&inner, err))
               : MF_OK;
}

static mf_err take_one(const json_t *object, struct trigger *trigger, struct mf_why *why)
{
    const json_t *value = NULL;
    size_t kinds = 0;
    for (size_t i = 0; json_is_object(object) && i < KINDS; i++) {
        const json_t *there = json_object_get(object, kind_names[i]);
        if (!there)
            continue;
        kinds++;
        value = there;
        trigger->kind = (enum trigger_kind)i;
    }
    if (kinds != 1)
        return mf_why(why, MF_EINVAL, "must be an object with one of mqtt, every, cron, key, queue");
    mf_err err = take_kind(value, trigger, why);
    const char *key;
    json_t *other;
    json_object_foreach ((json_t *)(uintptr_t)object, key, other) {
        if (!err && strcmp(key, kind_names[trigger->kind]) != 0)
            err = take_other(key, other, trigger, why);
    }
    return err;
}

static bool same(const struct trigger *a, const struct trigger *b)
{
    return a->kind == b->kind && strcmp(a->text, b->text) == 0 &&
           strcmp(a->timezone, b->timezone) == 0;
}

/* Keys in ascending order, as in the whole of the settings. */
static json_t *one_to_json(const struct trigger *trigger)
{
    const char *missed = trigger->once ? "once" : "skip";
    switch (trigger->kind) {
    case TRIGGER_MQTT:
        return json_pack("{s:s, s:s, s:i}", "mqtt", trigger->text, "nodes",
                         trigger->every_node ? "every" : "one", "qos", (int)trigger->qos);
    case TRIGGER_EVERY:
        return json_pack("{s:s, s:s}", "every", trigger->text, "missed", missed);
    case TRIGGER_CRON:
        return json_pack("{s:s, s:s, s:s}", "cron", trigger->text, "missed", missed, "timezone",
                         trigger->timezone);
    case TRIGGER_KEY:
    case TRIGGER_QUEUE:
        break;
    }
    return json_pack("{s:s}", kind_names[trigger->kind], trigger->text);
}
