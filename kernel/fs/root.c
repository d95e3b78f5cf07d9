/*
 * root.c: see root.h.
 * Guarantees: after root_open() said nothing, no function here reads outside the root,
 * whatever its bytes are, and walks through folders end. Owns nothing.
 */
#include "kernel/fs/root.h"

#include "kernel/core/string.h"

static const char *check_head(const struct mf_root *head, uint64_t bytes);
static const char *check_inodes(const struct root *root, const struct mf_root *head);
static const char *check_folders(const struct root *root, const struct mf_root *head);

static bool within(uint64_t at, uint64_t bytes, uint64_t whole)
{
    return at <= whole && bytes <= whole - at;
}

/* Inodes, entries and names: one after the other, behind the head. */
static uint64_t names_at(const struct mf_root *head)
{
    return sizeof *head + head->inode_count * (uint64_t)sizeof(struct mf_root_inode) +
           head->entry_count * (uint64_t)sizeof(struct mf_root_entry);
}

const char *root_open(struct root *root, const void *base, uint64_t bytes)
{
    *root = (struct root){0};
    const struct mf_root *head = base;
    const char *wrong = check_head(head, bytes);
    if (wrong)
        return wrong;
    struct root found = {
        .base = base,
        .inodes = (const struct mf_root_inode *)(head + 1),
        .names = (const char *)base + names_at(head),
        .inode_count = head->inode_count,
    };
    found.entries = (const struct mf_root_entry *)(found.inodes + head->inode_count);
    wrong = check_inodes(&found, head);
    if (!wrong)
        wrong = check_folders(&found, head);
    if (!wrong)
        *root = found;
    return wrong;
}

/* As memcmp() of the common part has it, then the shorter one. */
static int compare(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

bool root_find(const struct root *root, uint32_t folder, const char *name, size_t bytes,
               uint32_t *inode)
{
    const struct mf_root_entry *entry = root_entry(root, folder, 0);
    uint64_t low = 0, high = root->inodes[folder].bytes;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int order = compare(name, bytes, root->names + entry[middle].name_at,
                            entry[middle].name_bytes);
        if (order == 0) {
            *inode = entry[middle].inode;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

const char *root_name(const struct root *root, uint32_t folder, size_t *bytes)
{
    uint32_t parent = root->inodes[folder].parent;
    *bytes = 0;
    for (uint64_t i = 0; folder && i < root->inodes[parent].bytes; i++) {
        const struct mf_root_entry *entry = root_entry(root, parent, i);
        if (entry->inode == folder) {
            *bytes = entry->name_bytes;
            return root->names + entry->name_at;
        }
    }
    return "";
}

static const char *check_head(const struct mf_root *head, uint64_t bytes)
{
    if (bytes < sizeof *head || head->magic != MF_ROOT_MAGIC || head->root_bytes != bytes)
        return "root file system: no head";
    if (head->inode_count == 0 || head->inode_count > MF_ROOT_INODES_MAX ||
        head->entry_count > MF_ROOT_ENTRIES_MAX || head->reserved != 0)
        return "root file system: counts out of bounds";
    if (!within(names_at(head), head->name_bytes, bytes) || head->contents_at > bytes ||
        head->contents_at % MF_PAGE_BYTES || bytes % MF_PAGE_BYTES ||
        head->contents_at < names_at(head) + head->name_bytes)
        return "root file system: parts out of bounds";
    return NULL;
}

static const char *check_file(const struct mf_root_inode *inode, const struct mf_root *head)
{
    if (inode->bytes == 0 ? inode->at != 0
                          : inode->at < head->contents_at || inode->at % MF_PAGE_BYTES ||
                                !within(inode->at, inode->bytes, head->root_bytes))
        return "root file system: content out of bounds";
    return NULL;
}

static const char *check_link(const struct mf_root_inode *inode, const struct mf_root *head,
                              const char *names)
{
    if (inode->bytes == 0 || inode->bytes > MF_ROOT_TARGET_MAX || inode->loaded_at ||
        !within(inode->at, inode->bytes, head->name_bytes))
        return "root file system: target of a link out of bounds";
    for (uint64_t i = 0; i < inode->bytes; i++)
        if (names[inode->at + i] == 0)
            return "root file system: target of a link with a NUL";
    return NULL;
}

/* Each by itself; and that the folders' entries follow one another and are all. */
static const char *check_inodes(const struct root *root, const struct mf_root *head)
{
    uint64_t entries = 0;
    const char *wrong = NULL;
    if (root_type(&root->inodes[0]) != MF_ROOT_FOLDER)
        return "root file system: begins with no folder";
    for (uint32_t i = 0; !wrong && i < head->inode_count; i++) {
        const struct mf_root_inode *inode = &root->inodes[i];
        if (inode->mode & ~(MF_ROOT_TYPE | MF_ROOT_PERMISSIONS) || inode->links == 0 ||
            inode->reserved != 0 || (root_type(inode) != MF_ROOT_FOLDER && inode->parent != 0))
            return "root file system: inode out of bounds";
        switch (root_type(inode)) {
        case MF_ROOT_FOLDER:
            if (inode->at != entries || inode->bytes > head->entry_count - entries ||
                inode->loaded_at || (i ? inode->parent >= i : inode->parent != 0))
                return "root file system: folder out of bounds";
            entries += inode->bytes;
            break;
        case MF_ROOT_FILE:
            wrong = check_file(inode, head);
            break;
        case MF_ROOT_LINK:
            wrong = check_link(inode, head, root->names);
            break;
        default:
            return "root file system: inode of no type";
        }
    }
    if (!wrong && entries != head->entry_count)
        return "root file system: entries of no folder";
    return wrong;
}

static bool name_is_one(const char *name, uint32_t bytes)
{
    if (bytes == 0 || bytes > MF_ROOT_NAME_MAX || (name[0] == '.' && bytes == 1) ||
        (name[0] == '.' && bytes == 2 && name[1] == '.'))
        return false;
    for (uint32_t i = 0; i < bytes; i++)
        if (name[i] == 0 || name[i] == '/')
            return false;
    return true;
}

static const char *check_entry(const struct root *root, const struct mf_root *head,
                               uint32_t folder, const struct mf_root_entry *entry)
{
    if (entry->inode == 0 || entry->inode >= head->inode_count ||
        !within(entry->name_at, entry->name_bytes, head->name_bytes) ||
        !name_is_one(root->names + entry->name_at, entry->name_bytes))
        return "root file system: entry out of bounds";
    const struct mf_root_inode *inode = &root->inodes[entry->inode];
    if (root_type(inode) == MF_ROOT_FOLDER && inode->parent != folder)
        return "root file system: folder in another one than its parent";
    return NULL;
}

/* Names, their order, and that folders stand in their parents. One with two names there, or
 * with none, harms nobody. */
static const char *check_folders(const struct root *root, const struct mf_root *head)
{
    for (uint32_t folder = 0; folder < head->inode_count; folder++) {
        const struct mf_root_inode *inode = &root->inodes[folder];
        if (root_type(inode) != MF_ROOT_FOLDER)
            continue;
        for (uint64_t i = 0; i < inode->bytes; i++) {
            const struct mf_root_entry *entry = root_entry(root, folder, i);
            const char *wrong = check_entry(root, head, folder, entry);
            if (wrong)
                return wrong;
            if (i && compare(root->names + entry[-1].name_at, entry[-1].name_bytes,
                             root->names + entry->name_at, entry->name_bytes) >= 0)
                return "root file system: names out of order";
        }
    }
    return NULL;
}
