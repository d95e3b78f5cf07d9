/*
 * usage.h: what each function of each tenant has used, since its first event. Events are counted
 * where they end; every attempt is one. A record outlives its function, and the node: it is kept
 * in the store's own space, written MF_USAGE_SAVE_MS after the first event that it lacks, and
 * when the node stops. A node that is killed loses what came since; an event that runs while its
 * function is removed is not counted. Loop thread only.
 *
 *   events         that an instance began, however they ended
 *   run            from the moment an event is its instance's first, a start included, to its end
 *   memory         the instance's whole window for so long: MiB · ms. What it may have, by its version's
 *                  setting, not what it touched: so it follows from the log's lines and the settings,
 *                  whatever other instances share, and is the same for the same event each time
 *   cold starts    instances that were started for an event
 *   cpu            of the function's instances and the making of their blanks
 */
#ifndef MF_NODE_METRICS_USAGE_H
#define MF_NODE_METRICS_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/store/store.h"

struct function;
struct node;

struct usage_counts {
    uint64_t events;
    uint64_t run_ns;
    uint64_t memory_mib_us;
    uint64_t cold_starts;
    uint64_t cpu_ns;
};

struct usage_record {
    struct link link;  /* in usage.records, in the order of their first events */
    struct link same;  /* in usage.by_name                                     */
    struct link dirty; /* in usage.dirty                                       */
    struct function *function; /* whose it is now; NULL: none's                */
    uint64_t cpu_seen_ns;      /* of its function's meter                      */
    struct usage_counts counts;
    char tenant[MF_NAME_BYTES_MAX + 1], name[MF_NAME_BYTES_MAX + 1];
};

#define USAGE_BUCKETS 256u

struct usage {
    struct node *node;
    struct link by_name[USAGE_BUCKETS];
    struct link records, dirty;
    uint32_t count;
    struct timer timer;
};

void usage_open(struct usage *usage, struct node *node);
void usage_close(struct usage *usage);

/* When the store is there: what was kept is added to what came since. */
void usage_restore(struct usage *usage);
/* Write what is not written. */
void usage_save(struct usage *usage);

/* An event of the function has ended that its instance had begun. */
void usage_event(struct function *function, uint64_t run_ns, uint32_t memory_mib);
void usage_cold_start(struct function *function);
/* Another version may have another tenant; a removed function's record is nobody's. */
void usage_settle(struct function *function);

/* The record with what its instances have used by now. */
const struct usage_counts *usage_look(struct usage_record *record);

/* ---- as it is kept ---- */

#define USAGE_TEXT_BYTES 128
int usage_write(const struct usage_counts *counts, char room[static USAGE_TEXT_BYTES]);
/* False: it is none. */
bool usage_read(struct store_bytes text, struct usage_counts *counts);

#endif
