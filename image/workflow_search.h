/*
 * workflow_search.h: from function to function of a workflow, depth first, by whatever it is that leads
 * from one to the next, until there is no more or a circle. One thread.
 */
#ifndef MF_IMAGE_WORKFLOW_SEARCH_H
#define MF_IMAGE_WORKFLOW_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "image/workflow.h"

/* Where a function's n-th edge leads, n from 0: a function's index, or one of these two. */
typedef size_t (*workflow_edge)(const struct workflow *workflow, size_t from, size_t n);
#define WORKFLOW_NOWHERE (SIZE_MAX - 1) /* that one leads nowhere; others may follow */
#define WORKFLOW_NO_MORE SIZE_MAX

/* Zeros, but for the first two. Borrows the workflow, of MF_WORKFLOW_FUNCTIONS_MAX functions at most. */
struct workflow_search {
    const struct workflow *workflow;
    workflow_edge edge;
    uint8_t mark[MF_WORKFLOW_FUNCTIONS_MAX];
    struct {
        size_t at, edge; /* on the way: a function, and its edge that is looked at next */
    } way[MF_WORKFLOW_FUNCTIONS_MAX];
    size_t depth;
};

/* A circle that was found: the last function of it, its edge that closes it, and where that leads. */
struct workflow_circle {
    size_t at, edge, to;
};

bool workflow_search_seen(const struct workflow_search *search, size_t at);

/* All that is reached from a function that was not seen yet is seen afterwards. True: there is a circle. */
bool workflow_search_from(struct workflow_search *search, size_t from, struct workflow_circle *circle);

/* Right after that: "a → b → a", added to text; less of it where memory is short. */
void workflow_search_names(const struct workflow_search *search, const struct workflow_circle *circle,
                           struct mf_buf *text);

#endif
