/*
 * root_write.c: see root_write.h. Inodes are numbered folder by folder, breadth first, so each
 * folder has a smaller number than what stands in it, and entries follow in the order of folders.
 */
#include "image/root_write.h"

#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "image/pack_loaded.h"
#include "image/pack_part.h"

struct writing {
    const struct root_tree *tree;
    struct root_node **node; /* by number, each once */
    uint32_t count;
    struct mf_buf inode, entry, name;
    uint64_t content_bytes; /* so far, whole pages */
    uint32_t folders;       /* in the folder whose entries are added */
};

static mf_err number(struct writing *writing);
static mf_err tabulate(struct writing *writing);
static mf_err add_tables(struct writing *writing, struct mf_buf *out, uint64_t *bytes,
                         struct mf_why *why);
static mf_err add_contents(const struct writing *writing, struct mf_buf *out, struct mf_why *why);

mf_err root_write(struct root_tree *tree, struct mf_buf *out, uint64_t *bytes, struct mf_why *why)
{
    mf_assert(out->bytes % MF_PAGE_BYTES == 0);
    struct writing writing = {.tree = tree};
    writing.node = calloc(tree->name_total + (size_t)1, sizeof(struct root_node *));
    mf_err err = writing.node ? root_tree_contents(tree, why) : MF_ENOMEM;
    if (!err)
        err = number(&writing);
    if (!err)
        err = tabulate(&writing);
    if (!err)
        err = add_tables(&writing, out, bytes, why);
    if (!err)
        err = add_contents(&writing, out, why);
    for (uint32_t i = 0; i < writing.count; i++)
        writing.node[i]->number = 0;
    mf_buf_close(&writing.inode);
    mf_buf_close(&writing.entry);
    mf_buf_close(&writing.name);
    free(writing.node);
    return err;
}

static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES * MF_PAGE_BYTES;
}

static bool is(const struct root_node *node, uint32_t type)
{
    return (node->mode & MF_ROOT_TYPE) == type;
}

static mf_err number_name(void *context, const struct root_name *name)
{
    struct writing *writing = context;
    if (!name->node->number) {
        name->node->number = writing->count;
        writing->node[writing->count++] = name->node;
    }
    return MF_OK;
}

/* Each node once, at its first name. 0 is the root's, which has no name, and so also says: none. */
static mf_err number(struct writing *writing)
{
    mf_err err = MF_OK;
    writing->node[writing->count++] = writing->tree->root;
    for (uint32_t i = 0; i < writing->count && !err; i++)
        err = root_names_each(&writing->node[i]->folder, number_name, writing);
    return err;
}

static mf_err add_name(struct writing *writing, const char *text, uint64_t *at)
{
    *at = writing->name.bytes;
    return mf_buf_add(&writing->name, text, strlen(text));
}

static mf_err add_entry(void *context, const struct root_name *name)
{
    struct writing *writing = context;
    uint64_t at;
    mf_err err = add_name(writing, name->text, &at);
    struct mf_root_entry entry = {
        .inode = name->node->number,
        .name_at = (uint32_t)at,
        .name_bytes = (uint32_t)name->bytes,
    };
    writing->folders += is(name->node, MF_ROOT_FOLDER);
    return err ? err : mf_buf_add(&writing->entry, &entry, sizeof entry);
}

/* Its entries; what they add to the links of the folder. */
static mf_err add_entries(struct writing *writing, const struct root_node *folder, uint32_t *links)
{
    writing->folders = 0;
    mf_err err = root_names_each(&folder->folder, add_entry, writing);
    *links += writing->folders;
    return err;
}

/* Names are at most MF_ROOT_NAMES_MAX of MF_ROOT_TARGET_MAX bytes, so 32 bits hold where they are. */
static mf_err add_inode(struct writing *writing, const struct root_node *node)
{
    struct mf_root_inode inode = {.mode = node->mode, .links = node->names};
    mf_err err = MF_OK;
    if (is(node, MF_ROOT_FOLDER)) {
        inode.links = 2;
        inode.bytes = node->folder.count;
        inode.at = writing->entry.bytes / sizeof(struct mf_root_entry);
        inode.parent = node->parent->number;
        err = add_entries(writing, node, &inode.links);
    } else if (is(node, MF_ROOT_LINK)) {
        inode.bytes = strlen(node->target);
        err = add_name(writing, node->target, &inode.at);
    } else {
        inode.bytes = node->bytes;
        inode.modified_s = node->modified_s;
        inode.loaded_at = node->loaded_at;
        inode.at = writing->content_bytes; /* from contents_at, until add_tables() knows that */
        writing->content_bytes += whole_pages(node->bytes);
    }
    return err ? err : mf_buf_add(&writing->inode, &inode, sizeof inode);
}

static mf_err tabulate(struct writing *writing)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < writing->count && !err; i++)
        err = add_inode(writing, writing->node[i]);
    return err;
}

static void place_contents(struct writing *writing, uint64_t contents_at)
{
    for (uint32_t i = 0; i < writing->count; i++) {
        struct mf_root_inode inode;
        uint8_t *at = writing->inode.data + i * sizeof inode;
        memcpy(&inode, at, sizeof inode);
        if (!is(writing->node[i], MF_ROOT_FILE))
            continue;
        inode.at = inode.bytes ? contents_at + inode.at : 0;
        memcpy(at, &inode, sizeof inode);
    }
}

static mf_err add_tables(struct writing *writing, struct mf_buf *out, uint64_t *bytes,
                         struct mf_why *why)
{
    struct mf_root head = {
        .magic = MF_ROOT_MAGIC,
        .inode_count = writing->count,
        .entry_count = (uint32_t)(writing->entry.bytes / sizeof(struct mf_root_entry)),
        .name_bytes = (uint32_t)writing->name.bytes,
    };
    head.contents_at = whole_pages(sizeof head + writing->inode.bytes + writing->entry.bytes +
                                   writing->name.bytes);
    head.root_bytes = *bytes = head.contents_at + writing->content_bytes;
    place_contents(writing, head.contents_at);
    mf_err err = pack_add(out, 1, &head, sizeof head, why);
    if (!err)
        err = pack_add(out, 1, writing->inode.data, writing->inode.bytes, why);
    if (!err && writing->entry.bytes)
        err = pack_add(out, 1, writing->entry.data, writing->entry.bytes, why);
    if (!err && writing->name.bytes)
        err = pack_add(out, 1, writing->name.data, writing->name.bytes, why);
    return err ? err : pack_add(out, MF_PAGE_BYTES, NULL, 0, why);
}

static mf_err add_contents(const struct writing *writing, struct mf_buf *out, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < writing->count && !err; i++) {
        const struct root_node *node = writing->node[i];
        if (!is(node, MF_ROOT_FILE) || node->bytes == 0)
            continue;
        err = pack_add(out, 1, writing->tree->store + node->content_at, node->bytes, why);
        if (!err && node->loaded_at)
            loaded_align(out->data + out->bytes - node->bytes, node->bytes);
        if (!err)
            err = pack_add(out, MF_PAGE_BYTES, NULL, 0, why);
    }
    return err;
}
