/*
 * workflow_circle.c: circles that `then` alone does not make: a function may push to a queue, or
 * change keys, that call one before it. What it may, it need not do: so they are told of, not refused.
 * The settings have been checked before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "image/workflow.h"

struct search {
    const struct workflow *workflow;
    uint8_t mark[MF_WORKFLOW_FUNCTIONS_MAX];
    struct {
        size_t at, next; /* which is looked at next */
    } way[MF_WORKFLOW_FUNCTIONS_MAX];
    size_t depth;
};
enum { NOT_SEEN, ON_THE_WAY, SEEN };

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

static bool calls_by_trigger(const json_t *allow, const json_t *triggers)
{
    size_t i;
    const json_t *trigger;
    json_array_foreach(triggers, i, trigger) {
        const char *queue = json_string_value(json_object_get(trigger, "queue"));
        const char *key = json_string_value(json_object_get(trigger, "key"));
        if ((queue && may(json_object_get(allow, "push"), queue, false)) ||
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

static void tell(const struct search *search, size_t to, struct mf_why *why)
{
    struct mf_buf text = {0};
    mf_err err = MF_OK;
    bool inside = false;
    for (size_t i = 0; i < search->depth && !err; i++) {
        inside |= search->way[i].at == to;
        if (inside)
            err = mf_buf_printf(&text, "%s → ", search->workflow->function[search->way[i].at].name);
    }
    (void)mf_why(why, MF_EINVAL, "what they may push or write makes a circle, %s%s; an event in it ends after %u steps",
                 text.data ? (const char *)text.data : "", search->workflow->function[to].name, MF_THEN_HOPS_MAX);
    mf_buf_close(&text);
}

/* Depth first, without recursion, as workflow_order.c. */
static bool follow(struct search *search, size_t from, size_t *at, struct mf_why *why)
{
    const struct workflow *workflow = search->workflow;
    search->way[0].at = from;
    search->way[0].next = 0;
    search->mark[from] = ON_THE_WAY;
    for (search->depth = 1; search->depth > 0;) {
        size_t here = search->way[search->depth - 1].at, to = search->way[search->depth - 1].next++;
        if (to >= workflow->count) {
            search->mark[here] = SEEN;
            search->depth--;
            continue;
        }
        if (search->mark[to] == SEEN || !leads(workflow, here, to))
            continue;
        if (search->mark[to] == ON_THE_WAY) {
            *at = here;
            tell(search, to, why);
            return true;
        }
        search->mark[to] = ON_THE_WAY;
        search->way[search->depth].at = to;
        search->way[search->depth++].next = 0;
    }
    return false;
}

bool workflow_has_circle(const struct workflow *workflow, size_t *at, struct mf_why *why)
{
    struct search search = {.workflow = workflow};
    mf_assert(workflow->count <= MF_WORKFLOW_FUNCTIONS_MAX);
    for (size_t i = 0; i < workflow->count; i++)
        if (search.mark[i] == NOT_SEEN && follow(&search, i, at, why))
            return true;
    return false;
}
