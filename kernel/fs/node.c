/*
 * node.c: see node.h.
 * Guarantees: a node goes when it has neither name nor holder, nor a mapping; at most TMP_NODES_MAX.
 * Leaves to others: names (folder.c), contents (content.c). Owns nodes, and their number.
 */
#include "kernel/fs/node.h"

#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/fs/tmp.h"
#include "kernel/fs/watch.h"

static struct node roots[TMP_COUNT];
static uint64_t last_number = TMP_COUNT, nodes_used;

int64_t node_now_ns(void)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    return (int64_t)realtime;
}

struct node *node_root(uint32_t which, bool *is_new)
{
    struct node *node = &roots[which];
    *is_new = !node->number;
    if (*is_new) {
        *node = (struct node){.mode = S_IFDIR | 01777, .links = 2, .number = which + 1};
        node->last = &node->entries;
    }
    return node;
}

bool node_is_root(const struct node *node)
{
    return node >= roots && node < roots + TMP_COUNT;
}

uint32_t node_root_number(const struct node *root)
{
    return (uint32_t)(root - roots);
}

struct node *node_create(uint32_t mode)
{
    struct node *node = nodes_used < TMP_NODES_MAX ? heap_take(sizeof *node) : NULL;
    if (!node)
        return NULL;
    nodes_used++;
    node->mode = mode;
    node->number = ++last_number;
    node->accessed_ns = node->modified_ns = node->changed_ns = node_now_ns();
    node->last = &node->entries;
    return node;
}

void node_forget(struct node *node)
{
    if (node->links || node->holds || node_is_root(node) || content_is_mapped(&node->content))
        return;
    mf_assert(!node->entries);
    watch_gone(&node->watches);
    content_drop(&node->content);
    nodes_used--;
    heap_give(node, sizeof *node);
}
