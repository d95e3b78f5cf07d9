/*
 * durability.h: how durable a function's queue is (settings.h): which of the store's files it is in,
 * where the store has two (LMDB). Its entries do not move from one to the other, so while it holds any
 * that cannot be changed; and where some came while it was being changed, the change waits for their end.
 */
#ifndef MF_NODE_DELIVERY_DURABILITY_H
#define MF_NODE_DELIVERY_DURABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/settings.h"
#include "node/store/store.h"

struct consumer;
struct delivery;
struct function;

/* Of a function with these settings; NULL: of one that is not deployed. */
enum store_durability durability_of(const struct settings *settings);

/* What keeps a function's queue where it is. */
struct durability_hold {
    bool holds; /* it is deployed, and its queue is not empty */
    enum durability durability;
    uint64_t count, dead_count;
};

/* As this node has counted. function: NULL: it is not deployed. Loop thread only. */
struct durability_hold durability_hold(const struct function *function);
/* MF_EEXIST: its queue holds something, and would be elsewhere with these settings. Any thread. */
MF_CHECKED mf_err durability_check(const struct durability_hold *hold, const char *name,
                                   const struct settings *settings, struct mf_why *why);

/* The queue goes where its function's settings say, if nothing is in it or on its way. Loop thread only. */
void durability_settle(struct consumer *consumer);
/* Tell the queue its settings. */
void durability_learn(struct consumer *consumer);

/* Has the store two files, of which a queue can be in either? */
bool durability_two_files(const struct delivery *delivery);
/* The next operations on the queue of that name, which the caller holds, are on that file; back: where
 * they were before. Between the two nothing else may happen. Loop thread only. */
void durability_aim(struct delivery *delivery, const char *name, enum store_durability durability);
void durability_aim_back(struct delivery *delivery, const char *name);

/* It was deployed: does something wait for it in the other file, where nobody takes it? Its log is
 * told. Loop thread only. */
void durability_look(struct function *function);

#endif
