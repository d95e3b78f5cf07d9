/*
 * change.h: how a tenant's key-values are changed, whoever does it: a function's operation or
 * the management API. What others append in the same step (functions with a trigger on the key)
 * comes in here. Loop thread only.
 */
#ifndef MF_NODE_OPERATIONS_CHANGE_H
#define MF_NODE_OPERATIONS_CHANGE_H

#include "node/store/store.h"

struct operation;
struct node;

enum key_change_kind { KEY_SET, KEY_DELETE, KEY_INCREMENT, KEY_COMPARE_AND_SET };

/* Borrowed for the call. */
struct key_change {
    enum key_change_kind kind;
    const char *tenant;
    struct store_bytes key;
    struct store_bytes value;            /* SET, COMPARE_AND_SET                        */
    const struct store_bytes *expected;  /* COMPARE_AND_SET; NULL: that it is not there */
    int64_t by;                          /* INCREMENT                                   */
    uint64_t life_ms;                    /* SET, COMPARE_AND_SET                        */
    const struct operation *cause;       /* a function's; NULL: a person's              */
};

/* Who appends events beside changes of keys: node/triggers/ sets operations.key_changes when the
 * node starts. */
struct key_change_watch {
    /* What is to be appended; an error refuses the change. count 0: nothing. */
    mf_err (*before)(struct node *node, const struct key_change *change,
                     struct store_beside *beside);
    /* The store has copied it, or refused: free it. */
    void (*after)(struct node *node, struct store_beside *beside);
};

/* As of the store (space_set() and so on). */
MF_CHECKED mf_err key_change(struct node *node, const struct key_change *change,
                             const struct store_ask *ask);

/* The tenant's key-values; the caller puts them. MF_EDEAD: there is no store. */
MF_CHECKED mf_err key_space(struct node *node, const char *tenant, struct space **space);

#endif
