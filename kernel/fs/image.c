/*
 * image.c: see image.h.
 * Guarantees: nothing of the image is ever written. Leaves to others: that it makes sense (root.c).
 * Owns where it is.
 */
#include "kernel/fs/image.h"

#include <asm/errno.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "kernel/core/assert.h"
#include "kernel/core/string.h"
#include "kernel/fs/elf.h"
#include "kernel/fs/made.h"
#include "kernel/fs/open.h"
#include "kernel/fs/root.h"
#include "kernel/fs/walk.h"

#define DEVICE 0x10u
#define NS_PER_S 1000000000ll
#define BLOCK_BYTES 512u

static const struct filesystem filesystem;
static struct root root;
static uint64_t root_bytes;
static uint32_t both[MADE_SHARED]; /* inodes of its folders of that name; 0: it has none */

static struct place place_of(uint32_t inode)
{
    return (struct place){&filesystem, inode};
}

static const struct mf_root_inode *inode_of(const struct place *place)
{
    mf_assert(place->id < root.inode_count);
    return &root.inodes[place->id];
}

const char *image_start(uint64_t base, uint64_t bytes)
{
    const char *wrong = base ? root_open(&root, (const void *)base, bytes) : NULL;
    root_bytes = bytes;
    for (uint32_t which = 0; !wrong && base && which < MADE_SHARED; which++) {
        const char *name = made_shared_name(which);
        if (!root_find(&root, 0, name, strlen(name), &both[which]) ||
            root_type(&root.inodes[both[which]]) != MF_ROOT_FOLDER)
            both[which] = 0;
    }
    return wrong;
}

struct place image_root(void)
{
    return root.base ? place_of(0) : made_root();
}

struct place image_shared(enum made_shared which)
{
    return both[which] ? place_of(both[which]) : made_shared(which);
}

bool image_file(const struct place *place, struct image_loaded *file)
{
    if (place->fs != &filesystem || root_type(inode_of(place)) != MF_ROOT_FILE)
        return false;
    const struct mf_root_inode *inode = inode_of(place);
    *file = (struct image_loaded){root_content(&root, inode), inode->bytes, inode->loaded_at};
    return true;
}

bool image_is_loaded(const struct place *place, struct image_loaded *loaded)
{
    return image_file(place, loaded) && loaded->address;
}

bool image_loaded_at(uint64_t address, struct place *place, struct image_loaded *loaded, uint64_t *next)
{
    *next = UINT64_MAX;
    for (uint32_t inode = 0; inode < root.inode_count; inode++) {
        uint64_t span;
        *place = place_of(inode);
        if (!image_is_loaded(place, loaded) || !elf_span(loaded->content, loaded->bytes, &span))
            continue;
        if (address >= loaded->address && address - loaded->address < span)
            return true;
        if (loaded->address > address && loaded->address < *next)
            *next = loaded->address;
    }
    return false;
}

int64_t image_path(const struct place *file, char *to)
{
    for (uint32_t inode = 0; inode < root.inode_count; inode++) {
        if (root_type(&root.inodes[inode]) != MF_ROOT_FOLDER)
            continue;
        const struct place folder = place_of(inode);
        for (uint64_t i = 0; i < root.inodes[inode].bytes; i++) {
            const struct mf_root_entry *entry = root_entry(&root, inode, i);
            if (entry->inode == file->id)
                return walk_path(&folder, (struct name){root.names + entry->name_at, entry->name_bytes}, to);
        }
    }
    return -ENOENT;
}

/* The kernel's folder whose entries show where the image's has none of that name. */
static bool made_behind(const struct place *folder, struct place *made)
{
    if (folder->id == 0)
        *made = made_root();
    else {
        uint32_t which = 0;
        while (which < MADE_SHARED && folder->id != both[which])
            which++;
        if (which == MADE_SHARED)
            return false;
        *made = made_shared(which);
    }
    return true;
}

static int image_find(const struct place *folder, struct name name, struct place *found)
{
    struct place made;
    uint32_t inode;
    bool behind = made_behind(folder, &made);
    if (behind && made_covers(&made, name))
        return made.fs->find(&made, name, found);
    if (root_find(&root, (uint32_t)folder->id, name.text, name.bytes, &inode)) {
        *found = place_of(inode);
        return 0;
    }
    return behind ? made.fs->find(&made, name, found) : -ENOENT;
}

static struct place image_parent(const struct place *folder)
{
    return place_of(inode_of(folder)->parent);
}

static uint32_t image_name(const struct place *folder, char *to)
{
    size_t bytes;
    const char *name = root_name(&root, (uint32_t)folder->id, &bytes);
    memcpy(to, name, bytes);
    return (uint32_t)bytes;
}

/* An entry of the image's, unless one of the kernel's stands before it. */
static bool list_own(const struct place *folder, uint64_t index, struct listed *listed)
{
    const struct mf_root_entry *entry = root_entry(&root, (uint32_t)folder->id, index);
    const struct name name = {root.names + entry->name_at, entry->name_bytes};
    struct place made;
    if (made_behind(folder, &made) && made_covers(&made, name))
        return false;
    memcpy(listed->name, name.text, name.bytes);
    listed->name_bytes = name.bytes;
    listed->mode = root_type(&root.inodes[entry->inode]);
    listed->number = entry->inode + 1ull;
    return true;
}

static bool image_list(const struct place *folder, uint64_t *cookie, struct listed *listed)
{
    uint64_t own = inode_of(folder)->bytes;
    struct place made;
    uint32_t inode;
    while (*cookie < own)
        if (list_own(folder, (*cookie)++, listed))
            return true;
    if (!made_behind(folder, &made))
        return false;
    for (uint64_t more = *cookie - own; made.fs->list(&made, &more, listed);) {
        *cookie = own + more;
        const struct name name = {listed->name, listed->name_bytes};
        if (made_covers(&made, name) ||
            !root_find(&root, (uint32_t)folder->id, name.text, name.bytes, &inode))
            return true;
    }
    return false;
}

static int image_stat(const struct place *place, struct file_stat *stat)
{
    const struct mf_root_inode *inode = inode_of(place);
    bool folder = root_type(inode) == MF_ROOT_FOLDER;
    *stat = (struct file_stat){
        .device = DEVICE,
        .number = place->id + 1,
        .mode = inode->mode,
        .links = inode->links,
        .bytes = folder ? MF_PAGE_BYTES : inode->bytes,
        .blocks = folder ? 0
                         : (inode->bytes + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES *
                               (MF_PAGE_BYTES / BLOCK_BYTES),
        .block_bytes = MF_PAGE_BYTES,
        .accessed_ns = inode->modified_s * NS_PER_S,
        .modified_ns = inode->modified_s * NS_PER_S,
        .changed_ns = inode->modified_s * NS_PER_S,
    };
    return 0;
}

static int64_t image_target(const struct place *place, char *to)
{
    const struct mf_root_inode *inode = inode_of(place);
    memcpy(to, root_target(&root, inode), inode->bytes);
    return (int64_t)inode->bytes;
}

static int64_t image_read(struct opened *opened, struct io *io, uint64_t *position)
{
    const struct mf_root_inode *inode = inode_of(&opened->place);
    if (*position >= inode->bytes)
        return 0;
    uint64_t bytes = inode->bytes - *position;
    if (bytes > io->bytes)
        bytes = io->bytes;
    if (io_put(io, root_content(&root, inode) + *position, bytes) != 0)
        return -EFAULT;
    *position += bytes;
    return (int64_t)bytes;
}

/* The image's pages as they are; shared by all, so nobody may write them. */
static int64_t image_content(struct opened *opened, uint64_t offset, uint64_t bytes, bool shared)
{
    const struct mf_root_inode *inode = inode_of(&opened->place);
    uint64_t whole = (inode->bytes + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1);
    if (shared || offset > whole || bytes > whole - offset)
        return -ENODEV;
    return (int64_t)(root_content(&root, inode) + offset);
}

/* Full, as what is read-only is. */
static void image_usage(uint64_t *used, uint64_t *total)
{
    *used = *total = root_bytes;
}

static const struct filesystem filesystem = {
    .device = DEVICE,
    .magic = SQUASHFS_MAGIC,
    .read_only = true,
    .stat = image_stat,
    .target = image_target,
    .find = image_find,
    .parent = image_parent,
    .name = image_name,
    .list = image_list,
    .read = image_read,
    .content = image_content,
    .usage = image_usage,
};
