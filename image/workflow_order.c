/*
 * workflow_order.c: how the functions of a workflow follow one another (workflow.h).
 * Guarantees: what is taken is finite in every run: no `then` leads back to where it came from,
 * and each function is led to. Settings have been checked before.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "image/workflow.h"

/* Where a search is: the functions on the way, each with the entry it went on by. */
struct search {
    const struct workflow *workflow;
    uint8_t *mark;
    struct {
        size_t at, entry;
    } *way;
    size_t depth;
};
enum { NOT_SEEN, ON_THE_WAY, SEEN };

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

/* "then: a circle, a → b → a" */
static mf_err tell_circle(const struct search *search, size_t to, struct mf_why *why)
{
    struct mf_buf text = {0};
    mf_err err = MF_OK;
    bool inside = false;
    for (size_t i = 0; i < search->depth && !err; i++) {
        inside |= search->way[i].at == to;
        if (inside)
            err = mf_buf_printf(&text, "%s → ", search->workflow->function[search->way[i].at].name);
    }
    err = mf_why(why, MF_EINVAL, "then: a circle, %s%s", text.data ? (const char *)text.data : "",
                 search->workflow->function[to].name);
    mf_buf_close(&text);
    return err;
}

/* Depth first, without recursion: a hostile file may have a chain of all its functions. */
static mf_err follow(struct search *search, size_t from, size_t *at, size_t *entry,
                     struct mf_why *why)
{
    const struct workflow *workflow = search->workflow;
    search->way[0].at = from;
    search->way[0].entry = 0;
    search->mark[from] = ON_THE_WAY;
    for (search->depth = 1; search->depth > 0;) {
        size_t here = search->way[search->depth - 1].at;
        size_t next = search->way[search->depth - 1].entry++;
        if (next >= json_array_size(then_of(workflow, here))) {
            search->mark[here] = SEEN;
            search->depth--;
            continue;
        }
        size_t to = find(workflow, follower(workflow, here, next));
        if (search->mark[to] == ON_THE_WAY) {
            *at = here;
            *entry = next;
            return tell_circle(search, to, why);
        }
        if (search->mark[to] == SEEN)
            continue;
        search->mark[to] = ON_THE_WAY;
        search->way[search->depth].at = to;
        search->way[search->depth++].entry = 0;
    }
    return MF_OK;
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
    struct search search = {.workflow = workflow,
                            .mark = calloc(workflow->count + 1, 1),
                            .way = calloc(workflow->count + 1, sizeof *search.way)};
    if (!search.mark || !search.way)
        err = MF_ENOMEM;
    *key = "then";
    for (size_t i = 0; i < workflow->count && !err; i++) /* from where events come in … */
        if (is_entry(&workflow->function[i]) && search.mark[i] == NOT_SEEN)
            err = follow(&search, i, at, entry, why);
    size_t unreached = SIZE_MAX;
    for (size_t i = 0; i < workflow->count && !err; i++)
        if (search.mark[i] == NOT_SEEN) { /* … and from elsewhere, for the circles there */
            unreached = unreached == SIZE_MAX ? i : unreached;
            err = follow(&search, i, at, entry, why);
        }
    free(search.mark);
    free(search.way);
    if (err || unreached == SIZE_MAX)
        return err;
    *at = unreached;
    *entry = SIZE_MAX;
    *key = NULL;
    return mf_why(why, MF_EINVAL, "%s: nothing leads to it: give it a trigger, name it in another "
                  "function's then, or say `http: true` if it is called over HTTP",
                  workflow->function[unreached].name);
}
