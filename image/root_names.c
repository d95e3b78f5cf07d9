/* root_names.c: see root_names.h. The C library's tree is balanced (red and black). */
#include "image/root_names.h"

#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    root_names_visit *visit;
    void *context;
    mf_err err;
};

/* By bytes, as the kernel's reader searches (kernel/fs/root.c). */
static int compare(const void *one, const void *other)
{
    const struct root_name *a = one, *b = other;
    int order = memcmp(a->text, b->text, a->bytes < b->bytes ? a->bytes : b->bytes);
    return order ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* A node of the tree begins with its key. */
static struct root_name *key_of(const void *node)
{
    return *(struct root_name *const *)node;
}

struct root_name *root_names_find(const struct root_names *names, const char *text, size_t bytes)
{
    const struct root_name key = {.text = text, .bytes = bytes};
    const void *node = tfind(&key, &names->tree, compare);
    return node ? key_of(node) : NULL;
}

mf_err root_names_add(struct root_names *names, const char *text, size_t bytes, struct root_node *node)
{
    struct root_name *name = malloc(sizeof *name + bytes + 1);
    if (!name)
        return MF_ENOMEM;
    char *copy = (char *)(name + 1);
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    *name = (struct root_name){.text = copy, .bytes = bytes, .node = node};
    const void *added = tsearch(name, &names->tree, compare);
    mf_assert(!added || key_of(added) == name);
    if (!added) {
        free(name);
        return MF_ENOMEM;
    }
    names->count++;
    return MF_OK;
}

void root_names_remove(struct root_names *names, struct root_name *name)
{
    void *removed = tdelete(name, &names->tree, compare);
    mf_assert(removed != NULL);
    names->count--;
    free(name);
}

struct root_name *root_names_any(const struct root_names *names)
{
    return names->tree ? key_of(names->tree) : NULL;
}

static void step(const void *node, VISIT which, void *context)
{
    struct walk *walk = context;
    if (!walk->err && (which == postorder || which == leaf)) /* its second visit of three, which is in order */
        walk->err = walk->visit(walk->context, key_of(node));
}

mf_err root_names_each(const struct root_names *names, root_names_visit *visit, void *context)
{
    struct walk walk = {.visit = visit, .context = context};
    twalk_r(names->tree, step, &walk);
    return walk.err;
}
