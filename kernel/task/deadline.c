/*
 * deadline.c: see deadline.h. A pairing heap (Fredman, Sedgewick, Sleator, Tarjan: The
 * pairing heap, 1986): children are a list, the smallest is the root.
 * Owns the links.
 */
#include "kernel/task/deadline.h"

#include <stddef.h>

static struct deadline *root;

/* Two heaps, one: the later one becomes the other's first child. */
static struct deadline *meld(struct deadline *a, struct deadline *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->at_ns < a->at_ns) {
        struct deadline *c = a;
        a = b;
        b = c;
    }
    b->previous = a;
    b->next = a->child;
    if (b->next)
        b->next->previous = b;
    a->child = b;
    return a;
}

/* A list of heaps, one: by pairs from the front, then all from the back. */
static struct deadline *meld_list(struct deadline *first)
{
    struct deadline *pairs = NULL;
    while (first) {
        struct deadline *a = first, *b = first->next;
        first = b ? b->next : NULL;
        a->next = a->previous = NULL;
        if (b)
            b->next = b->previous = NULL;
        struct deadline *pair = meld(a, b);
        pair->next = pairs; /* a stack of roots, by a link that a root does not use */
        pairs = pair;
    }
    struct deadline *all = NULL;
    while (pairs) {
        struct deadline *pair = pairs;
        pairs = pair->next;
        pair->next = NULL;
        all = meld(all, pair);
    }
    return all;
}

void deadline_set(struct deadline *deadline, uint64_t at_ns)
{
    deadline_clear(deadline);
    deadline->at_ns = at_ns;
    deadline->child = deadline->next = deadline->previous = NULL;
    deadline->set = true;
    root = meld(root, deadline);
}

void deadline_clear(struct deadline *deadline)
{
    if (!deadline->set)
        return;
    deadline->set = false;
    struct deadline *children = meld_list(deadline->child);
    deadline->child = NULL;
    if (deadline == root) {
        root = children;
        return;
    }
    if (deadline->previous->child == deadline)
        deadline->previous->child = deadline->next;
    else
        deadline->previous->next = deadline->next;
    if (deadline->next)
        deadline->next->previous = deadline->previous;
    root = meld(root, children);
}

uint64_t deadline_next(void)
{
    return root ? root->at_ns : UINT64_MAX;
}

void deadline_pass(uint64_t now_ns)
{
    while (root && root->at_ns <= now_ns) {
        struct deadline *due = root;
        deadline_clear(due);
        due->due(due);
    }
}
