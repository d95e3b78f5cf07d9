/*
 * tmp.c: see tmp.h and tmpfs(5).
 * A node is a file, folder or link; an entry is a name for one. A file's content lies in one
 * piece. When the program maps it to be shared, it moves to the program's memory, which the file does
 * not outgrow then, and comes back when nobody has it mapped any more (lent.h).
 * Guarantees: a node goes when it has neither name nor holder.
 * Leaves to others: paths (walk.c). Owns nodes, entries, contents, and their number and size.
 */
#include "kernel/fs/tmp.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "abi/hypercall.h"
#include "abi/layout.h"
#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/memory.h"
#include "kernel/core/string.h"
#include "kernel/fs/lent.h"
#include "kernel/fs/made.h"
#include "kernel/fs/open.h"
#include "kernel/fs/secret.h"
#include "kernel/linux/identity.h"

#define DEVICE 0x20u
#define BLOCK_BYTES 512u
#define LARGE_BYTES (1u << 20) /* from here on growth is by a quarter */

struct node;

struct entry {
    struct entry *next;
    struct node *folder, *node;
    uint64_t serial; /* ascending in the folder: its place in a list that changes */
    uint32_t name_bytes;
    char name[];
};

struct node {
    uint32_t mode, links, holds;
    uint64_t number;
    int64_t accessed_ns, modified_ns, changed_ns;
    struct entry *entries, **last; /* folder: by serial */
    struct node *parent;           /* folder; NULL: a root, or removed */
    uint8_t *content;              /* file; link: its target */
    uint64_t bytes, room;
    struct lent *lent;             /* the content is in the program's memory; or NULL */
};

static struct node roots[TMP_COUNT];
static uint64_t last_number = TMP_COUNT, last_serial;
static uint64_t nodes_used, bytes_used;

static const struct filesystem filesystem;
static int set_room(struct node *node, uint64_t bytes);
static int lend(struct node *node, uint64_t bytes);
static void drop_content(struct node *node);
static uint64_t bytes_max(void);
static void forget(struct node *node);
static void link_secrets(struct node *run);

static struct node *node_of(const struct place *place)
{
    return (struct node *)place->id;
}

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

static struct entry **find_entry(struct node *folder, struct name name)
{
    struct entry **link = &folder->entries;
    while (*link && ((*link)->name_bytes != name.bytes ||
                     memcmp((*link)->name, name.text, name.bytes) != 0))
        link = &(*link)->next;
    return *link ? link : NULL;
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

static struct entry *entry_create(struct name name)
{
    struct entry *entry = heap_take(sizeof *entry + name.bytes);
    if (entry) {
        entry->name_bytes = name.bytes;
        memcpy(entry->name, name.text, name.bytes);
    }
    return entry;
}

static void put_in(struct node *folder, struct entry *entry, struct node *node)
{
    entry->folder = folder;
    entry->node = node;
    entry->serial = ++last_serial;
    entry->next = NULL;
    *folder->last = entry;
    folder->last = &entry->next;
    bool is_folder = (node->mode & S_IFMT) == S_IFDIR;
    node->links += is_folder ? 2 : 1;
    if (is_folder) {
        node->parent = folder;
        folder->links++;
    }
    folder->modified_ns = folder->changed_ns = now_ns();
}

/* The entry, with nobody's name any more; the caller's. */
static struct entry *take_out(struct node *folder, struct entry **link)
{
    struct entry *entry = *link;
    struct node *node = entry->node;
    *link = entry->next;
    if (folder->last == &entry->next)
        folder->last = link;
    bool is_folder = (node->mode & S_IFMT) == S_IFDIR;
    node->links -= is_folder ? 2 : 1;
    if (is_folder) {
        node->parent = NULL;
        folder->links--;
    }
    folder->modified_ns = folder->changed_ns = now_ns();
    return entry;
}

static void entry_destroy(struct entry *entry)
{
    heap_give(entry, sizeof *entry + entry->name_bytes);
}

static int tmp_find(const struct place *folder, struct name name, struct place *found)
{
    struct entry **link = find_entry(node_of(folder), name);
    if (!link)
        return -ENOENT;
    *found = place_of((*link)->node);
    return 0;
}

static bool is_gone(const struct node *folder)
{
    return !is_root(folder) && !folder->parent;
}

static int set_target(struct node *node, const char *target)
{
    size_t bytes = strlen(target);
    int error = set_room(node, bytes);
    if (error)
        return error;
    memcpy(node->content, target, bytes);
    node->bytes = bytes;
    return 0;
}

static int tmp_make(const struct place *place, struct name name, uint32_t mode,
                    const char *target, struct place *made)
{
    struct node *folder = node_of(place);
    if (is_gone(folder))
        return -ENOENT;
    struct node *node = node_create(mode);
    struct entry *entry = node ? entry_create(name) : NULL;
    int error = !entry ? -ENOSPC : target ? set_target(node, target) : 0;
    if (error) {
        if (entry)
            entry_destroy(entry);
        if (node)
            forget(node);
        return error;
    }
    put_in(folder, entry, node);
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
    if ((node->mode & S_IFMT) != S_IFDIR)
        return is_folder ? -ENOTDIR : 0;
    if (!is_folder)
        return -EISDIR;
    return node->entries ? -ENOTEMPTY : 0;
}

static int tmp_remove(const struct place *place, struct name name, bool is_folder)
{
    struct node *folder = node_of(place);
    struct entry **link = find_entry(folder, name);
    if (!link)
        return -ENOENT;
    struct node *node = (*link)->node;
    int error = may_remove(node, is_folder);
    if (error)
        return error;
    entry_destroy(take_out(folder, link));
    node->changed_ns = now_ns();
    forget(node);
    return 0;
}

static bool is_below(const struct node *node, const struct node *folder)
{
    for (uint32_t deep = 0; node && deep < FOLDERS_DEEP_MAX; node = node->parent, deep++)
        if (node == folder)
            return true;
    return false;
}

/* Two names change their nodes. */
static int exchange(struct entry *a, struct entry *b)
{
    struct node *first = a->node, *second = b->node;
    if (is_below(a->folder, second) || is_below(b->folder, first))
        return -EINVAL;
    a->node = second;
    b->node = first;
    if ((first->mode & S_IFMT) == S_IFDIR) {
        a->folder->links--;
        b->folder->links++;
        first->parent = b->folder;
    }
    if ((second->mode & S_IFMT) == S_IFDIR) {
        b->folder->links--;
        a->folder->links++;
        second->parent = a->folder;
    }
    return 0;
}

/* What stands at the new name goes: is that right? */
static int may_replace(const struct node *node, const struct node *old)
{
    bool folder = (node->mode & S_IFMT) == S_IFDIR;
    if (folder != ((old->mode & S_IFMT) == S_IFDIR))
        return folder ? -ENOTDIR : -EISDIR;
    return old->entries ? -ENOTEMPTY : 0;
}

static int tmp_rename(const struct place *from, struct name old, const struct place *to,
                      struct name new, uint32_t flags)
{
    struct node *source = node_of(from), *goal = node_of(to);
    struct entry **link = find_entry(source, old), **there = find_entry(goal, new);
    if (!link || is_gone(goal) || (flags & RENAME_EXCHANGE && !there))
        return -ENOENT;
    struct node *node = (*link)->node;
    if (flags & RENAME_NOREPLACE && there)
        return -EEXIST;
    if (flags & RENAME_EXCHANGE)
        return exchange(*link, *there);
    if ((node->mode & S_IFMT) == S_IFDIR && is_below(goal, node))
        return -EINVAL;
    if (there && (*there)->node == node)
        return 0;
    int error = there ? may_replace(node, (*there)->node) : 0;
    struct entry *entry = error ? NULL : entry_create(new);
    if (!entry)
        return error ? error : -ENOSPC;
    if (there) {
        struct node *replaced = (*there)->node;
        entry_destroy(take_out(goal, there));
        forget(replaced);
        link = find_entry(source, old); /* what was taken out may have held the link */
    }
    entry_destroy(take_out(source, link));
    put_in(goal, entry, node);
    node->changed_ns = now_ns();
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
    put_in(node_of(folder), entry, node);
    node->changed_ns = now_ns();
    return 0;
}

static struct place tmp_parent(const struct place *folder)
{
    struct node *node = node_of(folder);
    struct place parent = *folder;
    char name[NAME_BYTES_MAX];
    if (is_root(node))
        (void)made_mount_name((uint32_t)(node - roots), name, &parent);
    else if (node->parent)
        parent = place_of(node->parent);
    return parent;
}

static uint32_t tmp_name(const struct place *folder, char *to)
{
    struct node *node = node_of(folder);
    struct place parent;
    if (is_root(node))
        return made_mount_name((uint32_t)(node - roots), to, &parent);
    for (struct entry *entry = node->parent ? node->parent->entries : NULL; entry;
         entry = entry->next)
        if (entry->node == node) {
            memcpy(to, entry->name, entry->name_bytes);
            return entry->name_bytes;
        }
    return 0;
}

static bool tmp_list(const struct place *folder, uint64_t *cookie, struct listed *listed)
{
    struct entry *entry = node_of(folder)->entries;
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
        .bytes = node->bytes,
        .blocks = (node->bytes + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES * (MF_PAGE_BYTES / BLOCK_BYTES),
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
    memcpy(to, node->content, node->bytes);
    return (int64_t)node->bytes;
}

static int64_t tmp_read(struct opened *opened, struct io *io, uint64_t *position)
{
    const struct node *node = node_of(&opened->place);
    if (*position >= node->bytes)
        return 0;
    uint64_t bytes = node->bytes - *position;
    if (bytes > io->bytes)
        bytes = io->bytes;
    if (io_put(io, node->content + *position, bytes) != 0)
        return -EFAULT;
    *position += bytes;
    return (int64_t)bytes;
}

static int tmp_resize(const struct place *file, uint64_t bytes)
{
    struct node *node = node_of(file);
    int error = set_room(node, bytes);
    if (error)
        return error;
    if (bytes < node->bytes)
        memset(node->content + bytes, 0, node->bytes - bytes); /* the rest stays zero */
    node->bytes = bytes;
    node->modified_ns = node->changed_ns = now_ns();
    return 0;
}

static int64_t tmp_write(struct opened *opened, struct io *io, uint64_t *position)
{
    struct node *node = node_of(&opened->place);
    if (opened->file.flags & O_APPEND)
        *position = node->bytes;
    uint64_t bytes = io->bytes;
    if (*position > INT64_MAX - bytes)
        return -EFBIG;
    int error = set_room(node, *position + bytes);
    if (error)
        return error;
    if (io_get(io, node->content + *position, bytes) != 0) {
        uint64_t from = *position > node->bytes ? *position : node->bytes;
        if (from < *position + bytes) /* what is behind the end stays zero */
            memset(node->content + from, 0, *position + bytes - from);
        return -EFAULT;
    }
    *position += bytes;
    if (*position > node->bytes)
        node->bytes = *position;
    node->modified_ns = node->changed_ns = now_ns();
    return (int64_t)bytes;
}

static int64_t tmp_content(struct opened *opened, uint64_t offset, uint64_t bytes, bool shared)
{
    struct node *node = node_of(&opened->place);
    if (!shared || bytes > INT64_MAX - offset)
        return -ENODEV; /* who wants it for itself gets a copy */
    uint64_t end = offset + bytes > node->bytes ? offset + bytes : node->bytes;
    int error = node->lent ? set_room(node, end) : lend(node, end);
    if (!error && !lent_map(node->lent, offset, bytes))
        error = -ENOMEM;
    return error ? error : (int64_t)(node->content + offset);
}

/* Nobody has it mapped any more. Without memory for it here it stays where it is. */
static void take_back(void *owner)
{
    struct node *node = owner;
    if (!node->links && !node->holds) {
        forget(node);
        return;
    }
    uint8_t *content = node->bytes ? heap_take(node->bytes) : NULL;
    if (node->bytes && !content)
        return;
    if (node->bytes)
        memcpy(content, node->content, node->bytes);
    drop_content(node);
    node->content = content;
    node->room = node->bytes;
    bytes_used += node->room;
}

/* Addresses cost nothing, so more of them are kept than it needs now. */
static int64_t map_room(uint64_t *room)
{
    uint64_t least = *room;
    *room = least < TMP_LENT_ROOM_BYTES / 4 ? TMP_LENT_ROOM_BYTES : least * 4;
    int64_t address = memory_map(0, *room, MF_PROT_READ | MF_PROT_WRITE);
    if (address >= 0)
        return address;
    *room = least;
    return memory_map(0, *room, MF_PROT_READ | MF_PROT_WRITE);
}

static uint64_t lent_steps(uint64_t bytes)
{
    return (bytes + TMP_LENT_BYTES - 1) / TMP_LENT_BYTES * TMP_LENT_BYTES;
}

/* Let its content be in the program's memory, with room for so many bytes. */
static int lend(struct node *node, uint64_t bytes)
{
    uint64_t usable = lent_steps(bytes), room = usable;
    if (usable > bytes_max() || (usable > node->room && usable - node->room > bytes_max() - bytes_used))
        return -ENOMEM;
    int64_t address = map_room(&room);
    if (address < 0)
        return (int)address;
    struct lent *lent = lent_open((uint64_t)address, room, node, take_back);
    if (!lent) {
        (void)memory_unmap((uint64_t)address, room);
        return -ENOMEM;
    }
    memory_fill((uint64_t)address, node->content, node->bytes, node->bytes);
    drop_content(node);
    node->content = (uint8_t *)address;
    node->room = lent->usable = usable;
    bytes_used += usable;
    node->lent = lent;
    return 0;
}

/* Its content goes, wherever it is. */
static void drop_content(struct node *node)
{
    if (node->lent) {
        (void)memory_unmap(node->lent->address, node->lent->room);
        lent_close(node->lent);
        node->lent = NULL;
    } else {
        heap_give(node->content, node->room);
    }
    bytes_used -= node->room;
    node->content = NULL;
    node->room = 0;
}

static int tmp_set_mode(const struct place *place, uint32_t permissions)
{
    struct node *node = node_of(place);
    node->mode = (node->mode & S_IFMT) | (permissions & 07777);
    node->changed_ns = now_ns();
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

static uint64_t bytes_max(void)
{
    uint64_t used, total;
    heap_usage(&used, &total);
    return total / TMP_SHARE;
}

static void tmp_usage(uint64_t *used, uint64_t *total)
{
    *used = bytes_used;
    *total = bytes_max();
}

/* How much to take for so many bytes: more, so that growth step by step is cheap. */
static uint64_t room_for(const struct node *node, uint64_t bytes)
{
    uint64_t room = node->room < LARGE_BYTES ? node->room * 2 : node->room + node->room / 4;
    if (room < bytes)
        room = bytes;
    if (room < TMP_FIRST_BYTES)
        room = TMP_FIRST_BYTES;
    return room < MF_PAGE_BYTES ? room
                                : (room + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1);
}

/* Within the addresses that are kept for it, whose pages are zeros. */
static int grow_lent(struct node *node, uint64_t bytes)
{
    uint64_t usable = bytes <= node->lent->room ? lent_steps(bytes) : 0;
    if (usable < bytes || usable > node->lent->room)
        return -EBUSY;
    if (usable - node->room > bytes_max() - bytes_used)
        return -ENOSPC;
    bytes_used += usable - node->room;
    node->room = node->lent->usable = usable;
    return 0;
}

/* Let the content have room for so many bytes; what is new of it is zero. */
static int set_room(struct node *node, uint64_t bytes)
{
    if (bytes <= node->room)
        return 0;
    if (node->lent)
        return grow_lent(node, bytes);
    if (bytes > bytes_max())
        return -ENOSPC;
    uint64_t room = room_for(node, bytes);
    if (bytes_used - node->room + room > bytes_max())
        room = bytes; /* then no more than needed */
    if (bytes_used - node->room + room > bytes_max())
        return -ENOSPC;
    uint8_t *content = heap_take(room);
    if (!content)
        return -ENOSPC;
    if (node->bytes)
        memcpy(content, node->content, node->bytes);
    heap_give(node->content, node->room);
    bytes_used += room - node->room;
    node->content = content;
    node->room = room;
    return 0;
}

/* Give it back, if nobody has it any more. */
static void forget(struct node *node)
{
    if (node->links || node->holds || is_root(node) || (node->lent && node->lent->mapped))
        return;
    mf_assert(!node->entries);
    drop_content(node);
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
    .read = tmp_read,
    .write = tmp_write,
    .content = tmp_content,
    .make = tmp_make,
    .remove = tmp_remove,
    .rename = tmp_rename,
    .link = tmp_link,
    .resize = tmp_resize,
    .set_mode = tmp_set_mode,
    .set_times = tmp_set_times,
    .hold = tmp_hold,
    .drop = tmp_drop,
    .usage = tmp_usage,
};
