/*
 * tmp.c: see tmp.h and tmpfs(5): the file system's operations (place.h), but for those that change
 * names (names.c). Leaves to others: paths (walk.c), nodes (node.c), contents (content.c). Owns how large a file may be.
 */
#include "kernel/fs/tmp.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/inotify.h>
#include <linux/magic.h>

#include "abi/layout.h"
#include "kernel/core/assert.h"
#include "kernel/core/string.h"
#include "kernel/fs/folder.h"
#include "kernel/fs/made.h"
#include "kernel/fs/names.h"
#include "kernel/fs/open.h"
#include "kernel/fs/secret.h"
#include "kernel/fs/tell.h"
#include "kernel/fs/watch.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"

#define DEVICE 0x20u
#define BLOCK_BYTES 512u

static uint64_t bytes_max = UINT64_MAX; /* of a file */
static const struct filesystem filesystem;
static void link_secrets(const struct place *run);

static struct place place_of(struct node *node)
{
    return (struct place){&filesystem, (uint64_t)node};
}

struct place tmp_root(uint32_t which)
{
    bool is_new;
    const struct place root = place_of(node_root(which, &is_new));
    if (is_new && which == TMP_RUN)
        link_secrets(&root);
    return root;
}

bool tmp_is(const struct place *place)
{
    return place->fs == &filesystem;
}

static int tmp_find(const struct place *folder, struct name name, struct place *found)
{
    struct entry **link = folder_find(node_of(folder), name);
    if (!link)
        return -ENOENT;
    *found = place_of((*link)->node);
    return 0;
}

/* Where programs for containers look: theirs to replace. Without memory there is none. */
static void link_secrets(const struct place *run)
{
    static const char name[] = "secrets";
    struct place made;
    (void)names_make(run, (struct name){name, sizeof name - 1}, S_IFLNK | 0777, SECRET_PATH, &made);
}

int tmp_make_nameless(uint32_t mode, struct place *made)
{
    struct node *node = node_create(mode);
    if (!node)
        return -ENOSPC;
    *made = place_of(node);
    return 0;
}

static struct place tmp_parent(const struct place *folder)
{
    struct node *node = node_of(folder);
    struct place parent = *folder;
    char name[NAME_BYTES_MAX];
    if (node_is_root(node))
        (void)made_mount_name(node_root_number(node), name, &parent);
    else if (node->names)
        parent = place_of(node->names->folder);
    return parent;
}

static uint32_t tmp_name(const struct place *folder, char *to)
{
    struct node *node = node_of(folder);
    struct place parent;
    if (node_is_root(node))
        return made_mount_name(node_root_number(node), to, &parent);
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
        .user = node_is_root(node) ? 0 : user_id.user,
        .group = node_is_root(node) ? 0 : user_id.group,
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

void tmp_limit(uint64_t most)
{
    bytes_max = most;
}

static int too_large(void)
{
    file_too_large();
    return -EFBIG;
}

static int tmp_resize(const struct place *file, uint64_t bytes)
{
    struct node *node = node_of(file);
    if (bytes > node->content.bytes && bytes > bytes_max)
        return too_large();
    int error = content_resize(&node->content, bytes);
    if (error)
        return error;
    node->modified_ns = node->changed_ns = node_now_ns();
    tell(node, IN_MODIFY);
    return 0;
}

static int64_t tmp_write(struct opened *opened, struct io *io, uint64_t *position)
{
    struct node *node = node_of(&opened->place);
    if (opened->file.flags & O_APPEND)
        *position = node->content.bytes;
    if (*position >= bytes_max)
        return too_large();
    if (io->bytes > bytes_max - *position)
        io->bytes = bytes_max - *position;
    int64_t done = content_write(&node->content, io, position);
    if (done >= 0)
        node->modified_ns = node->changed_ns = node_now_ns();
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
        node_forget(node);
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
    node->changed_ns = node_now_ns();
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
    node->changed_ns = node_now_ns();
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
    node_forget(node);
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
    .make = names_make,
    .remove = names_remove,
    .rename = names_rename,
    .link = names_link,
    .resize = tmp_resize,
    .set_mode = tmp_set_mode,
    .set_times = tmp_set_times,
    .hold = tmp_hold,
    .drop = tmp_drop,
    .usage = content_usage,
};
