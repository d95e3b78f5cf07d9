/*
 * workflow_circle.c: circles that `then` alone does not make: a function may push to a queue, change
 * keys, or publish to topics that call one before it. What it may, it need not do: so they are told of,
 * not refused. The settings have been checked before.
 */
#include <string.h>

#include "image/topic.h"
#include "image/workflow_search.h"

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* "*", which names nothing, tells nothing of what a function is for. */
static bool may(const json_t *list, const char *what, bool prefixes)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry) {
        const char *text = json_string_value(entry);
        if (!text || strcmp(text, "*") == 0)
            continue;
        if (prefixes ? begins_with(text, what) || begins_with(what, text) : strcmp(text, what) == 0)
            return true;
    }
    return false;
}

static bool may_publish(const json_t *list, const char *filter)
{
    size_t i, prefix = 0;
    const json_t *entry;
    if (topic_shared_prefix(filter, strlen(filter), &prefix) == MF_OK)
        filter += prefix;
    json_array_foreach(list, i, entry) {
        const char *text = json_string_value(entry);
        if (text && strcmp(text, "#") != 0 && topic_filters_meet(text, strlen(text), filter, strlen(filter)))
            return true;
    }
    return false;
}

static bool calls_by_trigger(const json_t *allow, const json_t *triggers)
{
    size_t i;
    const json_t *trigger;
    json_array_foreach(triggers, i, trigger) {
        const char *queue = json_string_value(json_object_get(trigger, "queue"));
        const char *key = json_string_value(json_object_get(trigger, "key"));
        const char *mqtt = json_string_value(json_object_get(trigger, "mqtt"));
        if ((mqtt && may_publish(json_object_get(allow, "publish"), mqtt)) ||
            (queue && may(json_object_get(allow, "push"), queue, false)) ||
            (key && may(json_object_get(allow, "write"), key, true)))
            return true;
    }
    return false;
}

static bool leads(const struct workflow *workflow, size_t from, size_t to)
{
    const json_t *settings = workflow->function[from].settings, *entry;
    size_t i;
    json_array_foreach(json_object_get(settings, "then"), i, entry)
        if (strcmp(json_string_value(entry), workflow->function[to].name) == 0)
            return true;
    return calls_by_trigger(json_object_get(settings, "allow"),
                            json_object_get(workflow->function[to].settings, "triggers"));
}

/* The n-th edge is to the n-th function, if it leads there. */
static size_t edge(const struct workflow *workflow, size_t from, size_t n)
{
    if (n >= workflow->count)
        return WORKFLOW_NO_MORE;
    return leads(workflow, from, n) ? n : WORKFLOW_NOWHERE;
}

bool workflow_has_circle(const struct workflow *workflow, size_t *at, struct mf_why *why)
{
    struct workflow_search search = {.workflow = workflow, .edge = edge};
    struct workflow_circle circle;
    bool found = false;
    for (size_t i = 0; i < workflow->count && !found; i++)
        found = !workflow_search_seen(&search, i) && workflow_search_from(&search, i, &circle);
    if (!found)
        return false;
    struct mf_buf names = {0};
    workflow_search_names(&search, &circle, &names);
    (void)mf_why(why, MF_EINVAL, "what they may push, write or publish makes a circle, %s; an event in it ends after %u steps",
                 names.data ? (const char *)names.data : "", MF_THEN_HOPS_MAX);
    mf_buf_close(&names);
    *at = circle.at;
    return true;
}
