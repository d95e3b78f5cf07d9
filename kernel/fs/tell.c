/* tell.c: see tell.h. The folder hears first, as on Linux. Owns the last cookie. */
#include "kernel/fs/tell.h"

#include <linux/inotify.h>

#include "kernel/core/string.h"
#include "kernel/fs/tmp.h"
#include "kernel/fs/watch.h"

static uint32_t as_folder(const struct node *node)
{
    return node_is_folder(node) ? IN_ISDIR : 0;
}

static void tell_of(const struct entry *entry, const struct node *node, uint32_t mask, uint32_t cookie)
{
    watch_tell(entry->folder->watches, mask | as_folder(node), cookie,
               (struct name){entry->name, entry->name_bytes});
}

void tell_name(const struct entry *entry, uint32_t mask)
{
    tell_of(entry, entry->node, mask, 0);
}

void tell_itself(const struct node *node, uint32_t mask)
{
    watch_tell(node->watches, mask, 0, (struct name){0});
}

static void tell_as(const struct node *node, const struct entry *entry, uint32_t mask)
{
    if (entry)
        tell_name(entry, mask);
    tell_itself(node, mask | as_folder(node));
}

void tell(const struct node *node, uint32_t mask)
{
    tell_as(node, node->names, mask);
}

void tell_opened(const struct opened *opened, uint32_t mask)
{
    const struct node *node = node_of(&opened->place);
    const struct entry *entry = node->names;
    if (!watch_any())
        return;
    while (entry && (entry->folder != node_of(&opened->folder) || entry->name_bytes != opened->name_bytes ||
                     memcmp(entry->name, opened->name, entry->name_bytes) != 0))
        entry = entry->other;
    /* Removed: its folder hears of it as before. */
    if (!node->names && opened->name_bytes && tmp_is(&opened->folder))
        watch_tell(node_of(&opened->folder)->watches, mask | as_folder(node), 0,
                   (struct name){opened->name, opened->name_bytes});
    tell_as(node, entry ? entry : node->names, mask);
}

void tell_moved(const struct entry *old, const struct entry *now, const struct node *replaced)
{
    static uint32_t cookie;
    cookie++;
    tell_of(old, now->node, IN_MOVED_FROM, cookie);
    tell_of(now, now->node, IN_MOVED_TO, cookie);
    if (replaced)
        tell_itself(replaced, IN_ATTRIB | as_folder(replaced));
    tell_itself(now->node, IN_MOVE_SELF);
}
