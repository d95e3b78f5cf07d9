/*
 * names.c: see names.h, and unlink(2), rename(2), link(2).
 * Guarantees: each checks first and then cannot fail: nothing is changed by half.
 * Leaves to others: lists of names (folder.c), who is told (tell.c). Owns nothing.
 */
#include "kernel/fs/names.h"

#include <asm/errno.h>
#include <linux/fs.h>
#include <linux/inotify.h>

#include "kernel/core/string.h"
#include "kernel/fs/folder.h"
#include "kernel/fs/tell.h"
#include "kernel/fs/watch.h"

static bool is_gone(const struct node *folder)
{
    return !node_is_root(folder) && !folder->names;
}

int names_make(const struct place *place, struct name name, uint32_t mode,
              const char *target, struct place *made)
{
    struct node *folder = node_of(place);
    if (is_gone(folder))
        return -ENOENT;
    struct node *node = node_create(mode);
    struct entry *entry = node ? entry_create(name) : NULL;
    int error = !entry ? -ENOSPC : target ? content_set(&node->content, target, strlen(target)) : 0;
    if (error) {
        if (entry)
            entry_destroy(entry);
        if (node)
            node_forget(node);
        return error;
    }
    folder_put(folder, entry, node);
    tell_name(entry, IN_CREATE);
    *made = (struct place){place->fs, (uint64_t)node};
    return 0;
}

static int may_remove(const struct node *node, bool is_folder)
{
    if (!node_is_folder(node))
        return is_folder ? -ENOTDIR : 0;
    if (!is_folder)
        return -EISDIR;
    return node->entries ? -ENOTEMPTY : 0;
}

int names_remove(const struct place *place, struct name name, bool is_folder)
{
    struct node *folder = node_of(place);
    struct entry **link = folder_find(folder, name);
    if (!link)
        return -ENOENT;
    struct node *node = (*link)->node;
    int error = may_remove(node, is_folder);
    if (error)
        return error;
    struct entry *entry = folder_take(folder, link);
    node->changed_ns = node_now_ns();
    if (!is_folder)
        tell_itself(node, IN_ATTRIB);
    node_forget(node);
    watch_tell(folder->watches, IN_DELETE | (is_folder ? IN_ISDIR : 0u), 0, name);
    entry_destroy(entry);
    return 0;
}

/* What stands at the new name goes: is that right? */
static int may_replace(const struct node *node, const struct node *old)
{
    if (node_is_folder(node) != node_is_folder(old))
        return node_is_folder(node) ? -ENOTDIR : -EISDIR;
    return old->entries ? -ENOTEMPTY : 0;
}

static int exchange(struct entry *a, struct entry *b)
{
    int error = folder_exchange(a, b);
    if (!error) {
        tell_moved(a, b, NULL);
        tell_moved(b, a, NULL);
    }
    return error;
}

int names_rename(const struct place *from, struct name old, const struct place *to,
                 struct name new, uint32_t flags)
{
    struct node *source = node_of(from), *goal = node_of(to);
    struct entry **link = folder_find(source, old), **there = folder_find(goal, new);
    if (!link || is_gone(goal) || (flags & RENAME_EXCHANGE && !there))
        return -ENOENT;
    struct node *node = (*link)->node;
    if (flags & RENAME_NOREPLACE && there)
        return -EEXIST;
    if (there && (*there)->node == node)
        return 0;
    if (flags & RENAME_EXCHANGE)
        return exchange(*link, *there);
    if (node_is_folder(node) && folder_holds(node, goal))
        return -EINVAL;
    int error = there ? may_replace(node, (*there)->node) : 0;
    struct entry *entry = error ? NULL : entry_create(new);
    if (!entry)
        return error ? error : -ENOSPC;
    struct node *replaced = there ? (*there)->node : NULL;
    if (there) {
        entry_destroy(folder_take(goal, there));
        link = folder_find(source, old); /* what was taken out may have held the link */
    }
    struct entry *before = folder_take(source, link);
    folder_put(goal, entry, node);
    node->changed_ns = node_now_ns();
    tell_moved(before, entry, replaced);
    entry_destroy(before);
    if (replaced)
        node_forget(replaced);
    return 0;
}

int names_link(const struct place *file, const struct place *folder, struct name name)
{
    struct node *node = node_of(file);
    if (node_is_folder(node))
        return -EPERM;
    if (is_gone(node_of(folder)))
        return -ENOENT;
    struct entry *entry = entry_create(name);
    if (!entry)
        return -ENOSPC;
    folder_put(node_of(folder), entry, node);
    node->changed_ns = node_now_ns();
    tell_itself(node, IN_ATTRIB);
    tell_name(entry, IN_CREATE);
    return 0;
}
