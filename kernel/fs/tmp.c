/*
 * tmp.c: see tmp.h and tmpfs(5).
 * Guarantees: a node goes when it has neither name nor holder, nor a mapping.
 * Leaves to others: paths (walk.c), names (folder.c), contents (content.c). Owns nodes, and their number.
 */
#include "kernel/fs/tmp.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/magic.h>

#include "abi/layout.h"
#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/string.h"
#include "kernel/fs/folder.h"
#include "kernel/fs/made.h"
#include "kernel/fs/open.h"
#include "kernel/fs/secret.h"
#include "kernel/fs/tell.h"
#include "kernel/fs/watch.h"
#include "kernel/linux/identity.h"

#define DEVICE 0x20u
#define BLOCK_BYTES 512u

static struct node roots[TMP_COUNT];
static uint64_t last_number = TMP_COUNT, nodes_used;

static const struct filesystem filesystem;
static void forget(struct node *node);
static void link_secrets(struct node *run);

static struct place place_of(struct node *node)
{
    return (struct place){&filesystem, (uint64_t)node};
}

static int64_t now_ns(void)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    return (int64_t)realtime;
}

struct place tmp_root(uint32_t which)
{
    struct node *node = &roots[which];
    if (!node->number) {
        *node = (struct node){.mode = S_IFDIR | 01777, .links = 2, .number = which + 1};
        node->last = &node->entries;
        if (which == TMP_RUN)
            link_secrets(node);
    }
    return place_of(node);
}

static bool is_root(const struct node *node)
{
    return node >= roots && node < roots + TMP_COUNT;
}

bool tmp_is(const struct place *place)
{
    return place->fs == &filesystem;
}

static struct node *node_create(uint32_t mode)
{
    struct node *node = nodes_used < TMP_NODES_MAX ? heap_take(sizeof *node) : NULL;
    if (!node)
        return NULL;
    nodes_used++;
    node->mode = mode;
    node->number = ++last_number;
    node->accessed_ns = node->modified_ns = node->changed_ns = now_ns();
    node->last = &node->entries;
    return node;
}

static int tmp_find(const struct place *folder, struct name name, struct place *found)
{
    struct entry **link = folder_find(node_of(folder), name);
    if (!link)
        return -ENOENT;
    *found = place_of((*link)->node);
    return 0;
}

static bool is_gone(const struct node *folder)
{
    return !is_root(folder) && !folder->names;
}

static int tmp_make(const struct place *place, struct name name, uint32_t mode,
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
            forget(node);
        return error;
    }
    folder_put(folder, entry, node);
    tell_name(entry, IN_CREATE);
    *made = place_of(node);
    return 0;
}

/* Where programs for containers look: theirs to replace. Without memory there is none. */
static void link_secrets(struct node *run)
{
    static const char name[] = "secrets";
    const struct place folder = place_of(run);
    struct place made;
    (void)tmp_make(&folder, (struct name){name, sizeof name - 1}, S_IFLNK | 0777, SECRET_PATH, &made);
}

int tmp_make_nameless(uint32_t mode, struct place *made)
{
    struct node *node = node_create(mode);
    if (!node)
        return -ENOSPC;
    *made = place_of(node);
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

static int tmp_remove(const struct place *place, struct name name, bool is_folder)
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
    node->changed_ns = now_ns();
    if (!is_folder)
        tell_itself(node, IN_ATTRIB);
    forget(node);
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

static int tmp_rename(const struct place *from, struct name old, const struct place *to,
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
    node->changed_ns = now_ns();
    tell_moved(before, entry, replaced);
    entry_destroy(before);
    if (replaced)
        forget(replaced);
    return 0;
}

static int tmp_link(const struct place *file, const struct place *folder, struct name name)
{
    struct node *node = node_of(file);
    if ((node->mode & S_IFMT) == S_IFDIR)
        return -EPERM;
    if (is_gone(node_of(folder)))
        return -ENOENT;
    struct entry *entry = entry_create(name);
    if (!entry)
        return -ENOSPC;
    folder_put(node_of(folder), entry, node);
    node->changed_ns = now_ns();
    tell_itself(node, IN_ATTRIB);
    tell_name(entry, IN_CREATE);
    return 0;
}

static struct place tmp_parent(const struct place *folder)
{
    struct node *node = node_of(folder);
    struct place parent = *folder;
    char name[NAME_BYTES_MAX];
    if (is_root(node))
        (void)made_mount_name((uint32_t)(node - roots), name, &parent);
    else if (node->names)
        parent = place_of(node->names->folder);
    return parent;
}

static uint32_t tmp_name(const struct place *folder, char *to)
{
    struct node *node = node_of(folder);
    struct place parent;
    if (is_root(node))
        return made_mount_name((uint32_t)(node - roots), to, &parent);
    if (!node->names)
        return 0;
    memcpy(to, node->names->name, node->names->name_bytes);
    return node->names->name_bytes;
}

static bool tmp_list(const struct place *folder, uint64_t *cookie, struct listed *listed)
{
    return folder_list(node_of(folder), cookie, listed);
}

static int tmp_stat(const struct place *place, struct file_stat *stat)
{
    const struct node *node = node_of(place);
    *stat = (struct file_stat){
        .device = DEVICE,
        .number = node->number,
        .mode = node->mode,
        .links = node->links,
        .user = is_root(node) ? 0 : IDENTITY_UID,
        .group = is_root(node) ? 0 : IDENTITY_GID,
        .bytes = node->content.bytes,
        .blocks = (node->content.bytes + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES * (MF_PAGE_BYTES / BLOCK_BYTES),
        .block_bytes = MF_PAGE_BYTES,
        .accessed_ns = node->accessed_ns,
        .modified_ns = node->modified_ns,
        .changed_ns = node->changed_ns,
    };
    return 0;
}

static int64_t tmp_target(const struct place *place, char *to)
{
    const struct node *node = node_of(place);
    memcpy(to, node->content.data, node->content.bytes);
    return (int64_t)node->content.bytes;
}

static int64_t tmp_read(struct opened *opened, struct io *io, uint64_t *position)
{
    int64_t done = content_read(&node_of(&opened->place)->content, io, position);
    if (done > 0)
        tell_opened(opened, IN_ACCESS);
    return done;
}

static int tmp_resize(const struct place *file, uint64_t bytes)
{
    struct node *node = node_of(file);
    int error = content_resize(&node->content, bytes);
    if (error)
        return error;
    node->modified_ns = node->changed_ns = now_ns();
    tell(node, IN_MODIFY);
    return 0;
}

static int64_t tmp_write(struct opened *opened, struct io *io, uint64_t *position)
{
    struct node *node = node_of(&opened->place);
    if (opened->file.flags & O_APPEND)
        *position = node->content.bytes;
    int64_t done = content_write(&node->content, io, position);
    if (done >= 0)
        node->modified_ns = node->changed_ns = now_ns();
    if (done > 0)
        tell_opened(opened, IN_MODIFY);
    return done;
}

/* Nobody has it mapped any more. */
static void back(void *owner)
{
    struct node *node = owner;
    if (node->links || node->holds)
        content_take_back(&node->content);
    else
        forget(node);
}

static int64_t tmp_content(struct opened *opened, uint64_t offset, uint64_t bytes, bool shared)
{
    struct node *node = node_of(&opened->place);
    if (!shared)
        return -ENODEV; /* who wants it for itself gets a copy */
    return content_map(&node->content, offset, bytes, node, back);
}

/* Named pipes are opened and closed in silence. */
static int tmp_open(struct opened *opened)
{
    if ((node_of(&opened->place)->mode & S_IFMT) != S_IFIFO)
        tell_opened(opened, IN_OPEN);
    return 0;
}

static void tmp_close(struct opened *opened)
{
    if ((node_of(&opened->place)->mode & S_IFMT) != S_IFIFO)
        tell_opened(opened, file_may_write(&opened->file) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}

static void tmp_listed(struct opened *opened)
{
    tell_opened(opened, IN_ACCESS);
}

static struct watch **tmp_watches(const struct place *place)
{
    return &node_of(place)->watches;
}

static struct pipe **tmp_pipe(const struct place *place)
{
    return &node_of(place)->pipe;
}

static int tmp_set_mode(const struct place *place, uint32_t permissions)
{
    struct node *node = node_of(place);
    node->mode = (node->mode & S_IFMT) | (permissions & 07777);
    node->changed_ns = now_ns();
    tell(node, IN_ATTRIB);
    return 0;
}

static int tmp_set_times(const struct place *place, const int64_t *accessed_ns,
                         const int64_t *modified_ns)
{
    struct node *node = node_of(place);
    if (accessed_ns)
        node->accessed_ns = *accessed_ns;
    if (modified_ns)
        node->modified_ns = *modified_ns;
    node->changed_ns = now_ns();
    if (accessed_ns || modified_ns)
        tell(node, !accessed_ns ? IN_MODIFY : !modified_ns ? IN_ACCESS : IN_ATTRIB);
    return 0;
}

static void tmp_hold(const struct place *place)
{
    node_of(place)->holds++;
}

static void tmp_drop(const struct place *place)
{
    struct node *node = node_of(place);
    mf_assert(node->holds > 0);
    node->holds--;
    forget(node);
}

/* Give it back, if nobody has it any more. */
static void forget(struct node *node)
{
    if (node->links || node->holds || is_root(node) || content_is_mapped(&node->content))
        return;
    mf_assert(!node->entries);
    watch_gone(&node->watches);
    content_drop(&node->content);
    nodes_used--;
    heap_give(node, sizeof *node);
}

static const struct filesystem filesystem = {
    .device = DEVICE,
    .magic = TMPFS_MAGIC,
    .stat = tmp_stat,
    .target = tmp_target,
    .find = tmp_find,
    .parent = tmp_parent,
    .name = tmp_name,
    .list = tmp_list,
    .listed = tmp_listed,
    .open = tmp_open,
    .close = tmp_close,
    .read = tmp_read,
    .write = tmp_write,
    .content = tmp_content,
    .pipe = tmp_pipe,
    .watches = tmp_watches,
    .make = tmp_make,
    .remove = tmp_remove,
    .rename = tmp_rename,
    .link = tmp_link,
    .resize = tmp_resize,
    .set_mode = tmp_set_mode,
    .set_times = tmp_set_times,
    .hold = tmp_hold,
    .drop = tmp_drop,
    .usage = content_usage,
};
