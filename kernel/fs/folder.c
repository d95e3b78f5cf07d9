/*
 * folder.c: see folder.h.
 * Guarantees: a node's links are its names, and of a folder's, one for itself and one of each folder in
 * it. Owns entries.
 */
#include "kernel/fs/folder.h"

#include <asm/errno.h>

#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/string.h"

static uint64_t last_serial;

struct entry *entry_create(struct name name)
{
    struct entry *entry = heap_take(sizeof *entry + name.bytes);
    if (entry) {
        entry->name_bytes = name.bytes;
        memcpy(entry->name, name.text, name.bytes);
    }
    return entry;
}

void entry_destroy(struct entry *entry)
{
    heap_give(entry, sizeof *entry + entry->name_bytes);
}

struct entry **folder_find(struct node *folder, struct name name)
{
    struct entry **link = &folder->entries;
    while (*link && ((*link)->name_bytes != name.bytes ||
                     memcmp((*link)->name, name.text, name.bytes) != 0))
        link = &(*link)->next;
    return *link ? link : NULL;
}

static void changed(struct node *folder)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    folder->modified_ns = folder->changed_ns = (int64_t)realtime;
}

static void name_add(struct entry *entry, struct node *node)
{
    entry->node = node;
    entry->other = node->names;
    node->names = entry;
    node->links += node_is_folder(node) ? 2 : 1;
    if (node_is_folder(node))
        entry->folder->links++;
}

static void name_remove(struct entry *entry)
{
    struct node *node = entry->node;
    struct entry **link = &node->names;
    while (*link != entry)
        link = &(*link)->other;
    *link = entry->other;
    node->links -= node_is_folder(node) ? 2 : 1;
    if (node_is_folder(node))
        entry->folder->links--;
}

void folder_put(struct node *folder, struct entry *entry, struct node *node)
{
    entry->folder = folder;
    entry->serial = ++last_serial;
    entry->next = NULL;
    *folder->last = entry;
    folder->last = &entry->next;
    name_add(entry, node);
    changed(folder);
}

struct entry *folder_take(struct node *folder, struct entry **link)
{
    struct entry *entry = *link;
    *link = entry->next;
    if (folder->last == &entry->next)
        folder->last = link;
    name_remove(entry);
    changed(folder);
    return entry;
}

bool folder_holds(const struct node *folder, const struct node *node)
{
    for (uint32_t deep = 0; node && deep <= TMP_NODES_MAX; node = node_parent(node), deep++)
        if (node == folder)
            return true;
    return false;
}

int folder_exchange(struct entry *a, struct entry *b)
{
    struct node *first = a->node, *second = b->node;
    if (folder_holds(second, a->folder) || folder_holds(first, b->folder))
        return -EINVAL;
    name_remove(a);
    name_remove(b);
    name_add(a, second);
    name_add(b, first);
    return 0;
}

bool folder_list(const struct node *folder, uint64_t *cookie, struct listed *listed)
{
    const struct entry *entry = folder->entries;
    while (entry && entry->serial <= *cookie)
        entry = entry->next;
    if (!entry)
        return false;
    memcpy(listed->name, entry->name, entry->name_bytes);
    listed->name_bytes = entry->name_bytes;
    listed->mode = entry->node->mode & S_IFMT;
    listed->number = entry->node->number;
    *cookie = entry->serial;
    return true;
}
