/*
 * lmdb_format.h: of LMDB 0.9's file, on 64 bits, little-endian (lmdb.h calls it version 1), what is read here without
 * LMDB. Two heads come first, in pages of their own; then trees of pages.
 */
#ifndef MF_NODE_STORE_LMDB_FORMAT_H
#define MF_NODE_STORE_LMDB_FORMAT_H

#include <stdint.h>

#define LMDB_MAGIC 0xbeefc0deu
#define LMDB_VERSION 1u
#define LMDB_HEAD_BYTES 152u
#define LMDB_PAGE_BYTES_MIN 512u
#define LMDB_PAGE_BYTES_MAX 65536u
#define LMDB_NO_PAGE UINT64_MAX /* the root of an empty tree              */
/* A tree's flags, without the environment's, which stand beside the first one's: what its keys and values are; and
 * whether the file wants to be mapped at an address of its own. The tree of free pages has numbers for keys. */
#define LMDB_TREE_FLAGS 0x7fu
#define LMDB_FREE_FLAGS 0x08u

enum { LMDB_PAGE_BRANCH = 1, LMDB_PAGE_LEAF = 2, LMDB_PAGE_OVERFLOW = 4, LMDB_PAGE_HEAD = 8 };

/* How each page of a tree begins. */
struct lmdb_page {
    uint64_t number;
    uint16_t pad, kind;
    uint16_t lower, upper; /* between them there is room */
};
_Static_assert(sizeof(struct lmdb_page) == 16, "LMDB's format");

#endif
