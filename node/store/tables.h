/*
 * tables.h: an ordered map from keys to values, as the ledger needs it; in memory
 * (tables_memory.c) or a transaction of LMDB (store_lmdb.c). One thread.
 * What get and seek tell is borrowed until the next put or delete.
 */
#ifndef MF_NODE_STORE_TABLES_H
#define MF_NODE_STORE_TABLES_H

#include "node/store/record.h"

struct tables {
    const struct tables_kind *kind;
};

struct tables_kind {
    /* MF_ENOENT: there is none */
    mf_err (*get)(struct tables *tables, struct store_bytes key, struct store_bytes *value);
    /* Replace the value by room of that many bytes, to be filled at once. */
    mf_err (*put)(struct tables *tables, struct store_bytes key, size_t bytes, uint8_t **room);
    /* MF_ENOENT: there is none */
    mf_err (*remove)(struct tables *tables, struct store_bytes key);
    /* The first whose key is not less. MF_ENOENT: there is none */
    mf_err (*seek)(struct tables *tables, struct store_bytes key, struct store_bytes *found,
                   struct store_bytes *value);
};

struct tables *tables_memory_create(void); /* NULL: no memory */
void tables_memory_destroy(struct tables *tables);

#endif
