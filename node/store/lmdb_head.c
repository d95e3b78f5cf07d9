/*
 * lmdb_head.c: see lmdb_head.h.
 * Knows LMDB 0.9's format on 64 bits, little-endian (lmdb.h calls it version 1), as lmdb_tail.c does.
 */
#include "node/store/lmdb_head.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "node/store/lmdb_format.h"

#define DEPTH_MAX 32u /* LMDB's own bound */

struct tree {
    uint32_t pad; /* of the first: bytes of a page */
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};

struct head {
    uint64_t number; /* of its page */
    uint16_t pad, kind;
    uint32_t unused;
    uint32_t magic, version;
    uint64_t address, map_bytes;
    struct tree free, main;
    uint64_t last_page, transaction;
};
_Static_assert(sizeof(struct head) == LMDB_HEAD_BYTES, "LMDB's format");

static mf_err read_at(int fd, uint64_t at, void *to, size_t bytes)
{
    ssize_t got = pread(fd, to, bytes, (off_t)at);
    return got == (ssize_t)bytes ? MF_OK : got < 0 ? MF_EIO : MF_EFORMAT;
}

static bool is_head(const struct head *head)
{
    return (head->kind & LMDB_PAGE_HEAD) && head->magic == LMDB_MAGIC && (head->version & 0xffff) == LMDB_VERSION;
}

/* A page of a tree, with what LMDB asserts of it. */
static mf_err check_root(int fd, const struct head *head, const struct tree *tree)
{
    struct lmdb_page page;
    if (tree->root == LMDB_NO_PAGE)
        return MF_OK;
    if (tree->root < 2 || tree->root > head->last_page)
        return MF_EFORMAT;
    mf_err err = read_at(fd, tree->root * head->free.pad, &page, sizeof page);
    if (err)
        return err;
    bool branch = page.kind & LMDB_PAGE_BRANCH, leaf = page.kind & LMDB_PAGE_LEAF;
    bool fits = page.number == tree->root && branch != leaf && !(page.kind & LMDB_PAGE_OVERFLOW) &&
                page.lower >= sizeof page && page.lower <= page.upper && page.upper <= head->free.pad;
    uint32_t nodes = fits ? (page.lower - (uint32_t)sizeof page) / 2 : 0;
    return fits && nodes >= (branch ? 2u : 1u) ? MF_OK : MF_EFORMAT;
}

/* What a file may lack at its end is free, and listed in it. */
static bool may_count(const struct head *head, uint64_t file_bytes)
{
    uint64_t there = file_bytes / head->free.pad;
    return head->last_page >= 1 && (head->last_page < there || head->last_page - there < file_bytes / 8);
}

static mf_err check_head(int fd, uint64_t file_bytes, const struct head *head)
{
    if (head->transaction == 0)
        return MF_OK; /* nothing was committed yet */
    if (!may_count(head, file_bytes) || (head->free.flags & LMDB_TREE_FLAGS) != LMDB_FREE_FLAGS || (head->main.flags & LMDB_TREE_FLAGS) ||
        head->free.depth > DEPTH_MAX || head->main.depth > DEPTH_MAX)
        return MF_EFORMAT;
    mf_err err = check_root(fd, head, &head->free);
    return err ? err : check_root(fd, head, &head->main);
}

mf_err lmdb_head_check(int fd, uint64_t file_bytes)
{
    struct head head[2];
    if (file_bytes < sizeof *head)
        return MF_OK;
    if (file_bytes > MF_STORE_FILE_BYTES_MAX + MF_STORE_FILE_BYTES_MIN)
        return MF_EFORMAT; /* none of ours becomes as large */
    mf_err err = read_at(fd, 0, &head[0], sizeof *head);
    if (err || !is_head(&head[0]))
        return err;
    uint32_t page_bytes = head[0].free.pad;
    if (page_bytes < LMDB_PAGE_BYTES_MIN || page_bytes > LMDB_PAGE_BYTES_MAX || (page_bytes & (page_bytes - 1)))
        return MF_EFORMAT;
    err = read_at(fd, page_bytes, &head[1], sizeof *head);
    if (err || !is_head(&head[1]) || head[1].free.pad != page_bytes)
        return err ? err : MF_EFORMAT;
    return check_head(fd, file_bytes, &head[head[1].transaction > head[0].transaction]);
}
