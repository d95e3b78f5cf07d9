/* workflow_search.c: see workflow_search.h. */
#include "image/workflow_search.h"

enum { NOT_SEEN, ON_THE_WAY, SEEN };

bool workflow_search_seen(const struct workflow_search *search, size_t at)
{
    return search->mark[at] != NOT_SEEN;
}

static void go_to(struct workflow_search *search, size_t at)
{
    search->mark[at] = ON_THE_WAY;
    search->way[search->depth].at = at;
    search->way[search->depth++].edge = 0;
}

/* Without recursion: a hostile file may have a chain of all its functions. */
bool workflow_search_from(struct workflow_search *search, size_t from, struct workflow_circle *circle)
{
    mf_assert(search->workflow->count <= MF_WORKFLOW_FUNCTIONS_MAX && !workflow_search_seen(search, from));
    search->depth = 0;
    go_to(search, from);
    while (search->depth > 0) {
        const size_t here = search->way[search->depth - 1].at;
        const size_t edge = search->way[search->depth - 1].edge++;
        const size_t to = search->edge(search->workflow, here, edge);
        if (to == WORKFLOW_NO_MORE) {
            search->mark[here] = SEEN;
            search->depth--;
        } else if (to == WORKFLOW_NOWHERE || search->mark[to] == SEEN) {
            continue;
        } else if (search->mark[to] == ON_THE_WAY) {
            *circle = (struct workflow_circle){.at = here, .edge = edge, .to = to};
            return true;
        } else {
            go_to(search, to);
        }
    }
    return false;
}

void workflow_search_names(const struct workflow_search *search, const struct workflow_circle *circle,
                           struct mf_buf *text)
{
    const struct workflow_function *function = search->workflow->function;
    mf_err err = MF_OK;
    bool inside = false;
    for (size_t i = 0; i < search->depth && !err; i++) {
        inside |= search->way[i].at == circle->to;
        if (inside)
            err = mf_buf_printf(text, "%s → ", function[search->way[i].at].name);
    }
    if (!err)
        err = mf_buf_printf(text, "%s", function[circle->to].name);
    (void)err; /* less of it */
}
