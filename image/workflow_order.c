/*
 * workflow_order.c: how the functions of a workflow follow one another (workflow.h).
 * Guarantees: what is taken is finite in every run: no `then` leads back to where it came from,
 * and each function is led to. Settings have been checked before.
 */
#include <stdint.h>
#include <string.h>

#include "image/workflow_search.h"

static size_t find(const struct workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->count; i++)
        if (strcmp(workflow->function[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

static const json_t *then_of(const struct workflow *workflow, size_t at)
{
    return json_object_get(workflow->function[at].settings, "then");
}

static const char *follower(const struct workflow *workflow, size_t at, size_t entry)
{
    return json_string_value(json_array_get(then_of(workflow, at), entry));
}

static mf_err check_names(const struct workflow *workflow, size_t *at, size_t *entry,
                          const char **key, struct mf_why *why)
{
    for (*at = 0; *at < workflow->count; ++*at) {
        const struct workflow_function *function = &workflow->function[*at];
        const char *next = json_string_value(json_object_get(function->settings, "next"));
        size_t count = json_array_size(then_of(workflow, *at));
        for (*entry = 0, *key = "then"; *entry < count; ++*entry) {
            const char *name = follower(workflow, *at, *entry);
            if (find(workflow, name) == SIZE_MAX)
                return mf_why(why, MF_EINVAL, "then: no function of this workflow is called %s", name);
        }
        *entry = SIZE_MAX;
        *key = "next";
        if (next && next[0] && find(workflow, next) == SIZE_MAX)
            return mf_why(why, MF_EINVAL, "next: no function of this workflow is called %s", next);
    }
    return MF_OK;
}

static size_t edge(const struct workflow *workflow, size_t from, size_t n)
{
    if (n >= json_array_size(then_of(workflow, from)))
        return WORKFLOW_NO_MORE;
    return find(workflow, follower(workflow, from, n)); /* checked: there is one */
}

static mf_err follow(struct workflow_search *search, size_t from, size_t *at, size_t *entry,
                     struct mf_why *why)
{
    struct workflow_circle circle;
    if (!workflow_search_from(search, from, &circle))
        return MF_OK;
    struct mf_buf names = {0};
    workflow_search_names(search, &circle, &names);
    mf_err err = mf_why(why, MF_EINVAL, "then: a circle, %s", names.data ? (const char *)names.data : "");
    mf_buf_close(&names);
    *at = circle.at;
    *entry = circle.edge;
    return err;
}

static bool is_entry(const struct workflow_function *function)
{
    return function->http || json_array_size(json_object_get(function->settings, "triggers")) > 0;
}

mf_err workflow_check_order(const struct workflow *workflow, size_t *at, size_t *entry,
                            const char **key, struct mf_why *why)
{
    mf_err err = check_names(workflow, at, entry, key, why);
    if (err)
        return err;
    struct workflow_search search = {.workflow = workflow, .edge = edge};
    *key = "then";
    for (size_t i = 0; i < workflow->count && !err; i++) /* from where events come in … */
        if (is_entry(&workflow->function[i]) && !workflow_search_seen(&search, i))
            err = follow(&search, i, at, entry, why);
    size_t unreached = SIZE_MAX;
    for (size_t i = 0; i < workflow->count && !err; i++)
        if (!workflow_search_seen(&search, i)) { /* … and from elsewhere, for the circles there */
            unreached = unreached == SIZE_MAX ? i : unreached;
            err = follow(&search, i, at, entry, why);
        }
    if (err || unreached == SIZE_MAX)
        return err;
    *at = unreached;
    *entry = SIZE_MAX;
    *key = NULL;
    return mf_why(why, MF_EINVAL, "%s: nothing leads to it: give it a trigger, name it in another "
                  "function's then, or say `http: true` if it is called over HTTP",
                  workflow->function[unreached].name);
}
