/*
 * lmdb_tail.c: LMDB's list of free pages, read without LMDB, which would read pages that are
 * not there (SIGBUS).
 * Guarantees: whatever the file holds, every read lies inside it, and they have an end: there is
 * a budget of bytes, which pages that are each visited once cannot exceed.
 * Knows LMDB 0.9's format on 64 bits, little-endian (lmdb.h calls it version 1): a head, and a
 * tree whose leaves hold, by transaction, lists of page numbers.
 */
#include "node/store/lmdb_tail.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/store/lmdb_format.h"

#define DEPTH_MAX 32u          /* LMDB's own bound */
#define PAGE_HEAD_BYTES ((uint32_t)sizeof(struct lmdb_page))
#define NODE_HEAD_BYTES 8u     /* low u16, high u16, flags u16, bytes of the key u16 */
#define BUDGET_PAGE_BYTES 256u /* of the list for each page of the file: it has some 20 */
#define BUDGET_BYTES (1u << 20)

enum { PAGE_KINDS = 0x6f };
enum { NODE_BIG = 1 };

/* Where these stand in a head page. */
enum { HEAD_FREE_ROOT = 80, HEAD_LAST_PAGE = 136, HEAD_TRANSACTION = 144 };

struct tail {
    int fd;
    uint64_t file_bytes;
    uint64_t budget_bytes;
    uint32_t page_bytes;
    uint64_t last_page;
    uint64_t first, count; /* the pages that are not there */
    uint64_t found;        /* of them, free              */
    uint8_t *is_free;      /* a bit each                 */
    uint8_t *pages;        /* one for each level         */
};

static uint16_t u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static mf_err read_at(struct tail *tail, uint64_t at, void *to, uint64_t bytes)
{
    if (at > tail->file_bytes || bytes > tail->file_bytes - at || bytes > tail->budget_bytes)
        return MF_EFORMAT;
    tail->budget_bytes -= bytes;
    return pread(tail->fd, to, bytes, (off_t)at) == (ssize_t)bytes ? MF_OK : MF_EIO;
}

/* The page must be one that is there, as a whole. */
static mf_err read_page(struct tail *tail, uint64_t page, void *to, uint64_t bytes)
{
    uint64_t number;
    if (page >= tail->first)
        return MF_EFORMAT;
    mf_err err = read_at(tail, page * tail->page_bytes, to, bytes);
    if (err)
        return err;
    memcpy(&number, to, sizeof number);
    return number == page ? MF_OK : MF_EFORMAT;
}

/* The root of the list in the head that counts: the newer one, which its own number places. */
static mf_err read_head(struct tail *tail, uint64_t last_page, uint64_t *root)
{
    uint8_t heads[2][LMDB_HEAD_BYTES];
    mf_err err = read_page(tail, 0, heads[0], LMDB_HEAD_BYTES);
    if (!err)
        err = read_page(tail, 1, heads[1], LMDB_HEAD_BYTES);
    if (err)
        return err;
    uint64_t first = u64(heads[0] + HEAD_TRANSACTION), second = u64(heads[1] + HEAD_TRANSACTION);
    uint64_t newer = first < second ? second : first;
    const uint8_t *head = heads[newer & 1];
    if (u64(head + HEAD_TRANSACTION) != newer || u64(head + HEAD_LAST_PAGE) != last_page)
        return MF_EFORMAT;
    *root = u64(head + HEAD_FREE_ROOT);
    return MF_OK;
}

/* LMDB is going to write to a page that is listed. */
static mf_err note(struct tail *tail, uint64_t page)
{
    if (page < 2 || page > tail->last_page)
        return MF_EFORMAT;
    if (page < tail->first)
        return MF_OK;
    uint64_t bit = page - tail->first;
    uint8_t mask = (uint8_t)(1u << (bit & 7));
    tail->found += !(tail->is_free[bit >> 3] & mask);
    tail->is_free[bit >> 3] |= mask;
    return MF_OK;
}

/* A list: how many, then these. It may have more room than it uses. */
static mf_err take_list(struct tail *tail, uint64_t at, uint64_t bytes)
{
    uint8_t some[4096];
    if (bytes < 8 || at > tail->file_bytes || bytes > tail->file_bytes - at)
        return MF_EFORMAT;
    mf_err err = read_at(tail, at, some, 8);
    uint64_t left = err ? 0 : u64(some);
    if (err || left > (bytes - 8) / 8)
        return err ? err : MF_EFORMAT;
    for (at += 8; left && !err;) {
        uint64_t now = left < sizeof some / 8 ? left : sizeof some / 8;
        err = read_at(tail, at, some, now * 8);
        for (uint64_t i = 0; i < now && !err; i++)
            err = note(tail, u64(some + i * 8));
        at += now * 8;
        left -= now;
    }
    return err;
}

static mf_err take_big_list(struct tail *tail, uint64_t page, uint64_t bytes)
{
    uint8_t head[PAGE_HEAD_BYTES];
    mf_err err = read_page(tail, page, head, sizeof head);
    if (err || (u16(head + 10) & PAGE_KINDS) != LMDB_PAGE_OVERFLOW)
        return err ? err : MF_EFORMAT;
    return take_list(tail, page * tail->page_bytes + PAGE_HEAD_BYTES, bytes);
}

/* A node of a leaf, at `at` in its page. */
static mf_err take_leaf_node(struct tail *tail, uint64_t page, const uint8_t *content, uint32_t at)
{
    const uint8_t *node = content + at;
    uint32_t bytes = u16(node) | (uint32_t)u16(node + 2) << 16, flags = u16(node + 4);
    uint32_t data = at + NODE_HEAD_BYTES + u16(node + 6); /* in the page */
    uint32_t here = flags & NODE_BIG ? 8 : bytes;
    if ((flags & ~(uint32_t)NODE_BIG) || data > tail->page_bytes || here > tail->page_bytes - data)
        return MF_EFORMAT;
    if (flags & NODE_BIG)
        return take_big_list(tail, u64(content + data), bytes);
    return take_list(tail, page * tail->page_bytes + data, bytes);
}

/* The tree below a page; the budget ends what has circles. */
static mf_err visit(struct tail *tail, uint64_t page, uint32_t depth)
{
    if (depth >= DEPTH_MAX)
        return MF_EFORMAT;
    uint8_t *content = tail->pages + (size_t)depth * tail->page_bytes;
    mf_err err = read_page(tail, page, content, tail->page_bytes);
    if (err)
        return err;
    uint32_t kind = u16(content + 10) & PAGE_KINDS, lower = u16(content + 12);
    if ((kind != LMDB_PAGE_BRANCH && kind != LMDB_PAGE_LEAF) || lower < PAGE_HEAD_BYTES ||
        lower > tail->page_bytes)
        return MF_EFORMAT;
    uint32_t nodes = (lower - PAGE_HEAD_BYTES) / 2;
    for (uint32_t i = 0; i < nodes && !err; i++) {
        uint32_t at = u16(content + PAGE_HEAD_BYTES + i * 2);
        if (at > tail->page_bytes - NODE_HEAD_BYTES)
            return MF_EFORMAT;
        const uint8_t *node = content + at;
        if (kind == LMDB_PAGE_LEAF)
            err = take_leaf_node(tail, page, content, at);
        else
            err = visit(tail, u16(node) | (uint64_t)u16(node + 2) << 16 | (uint64_t)u16(node + 4) << 32,
                        depth + 1);
    }
    return err;
}

mf_err lmdb_tail_check(int fd, uint64_t file_bytes, uint32_t page_bytes, uint64_t last_page)
{
    if (page_bytes < LMDB_PAGE_BYTES_MIN || page_bytes > LMDB_PAGE_BYTES_MAX || file_bytes > INT64_MAX ||
        file_bytes / page_bytes < 2)
        return MF_EFORMAT;
    struct tail tail = {.fd = fd, .file_bytes = file_bytes,
                        .budget_bytes = file_bytes / page_bytes * BUDGET_PAGE_BYTES + BUDGET_BYTES,
                        .page_bytes = page_bytes, .last_page = last_page, .first = file_bytes / page_bytes};
    tail.count = last_page < tail.first ? 0 : last_page - tail.first + 1;
    if (tail.count > file_bytes / 8) /* as many do not fit into its lists */
        return MF_EFORMAT;
    uint64_t root;
    mf_err err = read_head(&tail, last_page, &root);
    if (err || root == LMDB_NO_PAGE)
        return err || !tail.count ? err : MF_EFORMAT;
    tail.is_free = calloc(1, tail.count / 8 + 1);
    tail.pages = malloc((size_t)DEPTH_MAX * page_bytes);
    err = tail.is_free && tail.pages ? visit(&tail, root, 0) : MF_ENOMEM;
    if (!err && tail.found != tail.count)
        err = MF_EFORMAT;
    free(tail.is_free);
    free(tail.pages);
    return err;
}
