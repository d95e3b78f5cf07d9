/*
 * root_names.h: the names of one folder of a root file system, ascending, each once. Whoever makes an image
 * chooses their order, so that to add, find or remove one takes a time in the logarithm of their number.
 */
#ifndef MF_IMAGE_ROOT_NAMES_H
#define MF_IMAGE_ROOT_NAMES_H

#include <stddef.h>

#include "base/err.h"

struct root_node;

struct root_name {
    const char *text; /* ends with a NUL that bytes does not count */
    size_t bytes;
    struct root_node *node; /* counted by its owner (root_tree.c) */
};

/* Zeroed is empty, and holds nothing. */
struct root_names {
    void *tree; /* search.h's */
    size_t count;
};

typedef mf_err root_names_visit(void *context, const struct root_name *name);

/* NULL: it is not there. text needs no end. */
struct root_name *root_names_find(const struct root_names *names, const char *text, size_t bytes);

/* Add one that is not there; MF_ENOMEM: nothing is changed. */
MF_CHECKED mf_err root_names_add(struct root_names *names, const char *text, size_t bytes,
                                 struct root_node *node);

/* Forget one that root_names_find() or root_names_any() gave. */
void root_names_remove(struct root_names *names, struct root_name *name);

/* Any of them; NULL: there is none. */
struct root_name *root_names_any(const struct root_names *names);

/* Each, ascending; the first error ends it. visit changes no names of this folder. */
MF_CHECKED mf_err root_names_each(const struct root_names *names, root_names_visit *visit, void *context);

#endif
