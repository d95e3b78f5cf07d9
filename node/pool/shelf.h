/*
 * shelf.h: the kinds of blanks that are kept, and which of them a version's starts take. The
 * usual ones, of either sandbox, take every order. One with a larger window, or with
 * jit, costs them extra at each start: for a few of these kinds, those that deployed versions
 * are of, blanks are kept that have it behind them (docs/adr/0013-kinds-of-blanks.md). Pure.
 */
#ifndef MF_NODE_POOL_SHELF_H
#define MF_NODE_POOL_SHELF_H

#include <stdbool.h>
#include <stdint.h>

#include "node/instance/spawner.h"
#include "node/loop/list.h"
#include "node/pool/burst.h"

#define SANDBOXES 3
#define SHELVES (SANDBOXES + 4) /* the usual ones stand at their sandbox */
#define BLANKS_GROWTH 16u       /* so many times the blanks asked for are kept after bursts of starts */
#define BLANK_BYTES (1u << 20)  /* as if each took what one under KVM does, the kernel's share included, */
#define BLANK_WINDOW_SHARE 400u /* and such a part of its window (the tables of a KVM that shadows) */

struct shelf {
    enum mf_sandbox sandbox;
    struct blank_fit fit;  /* of one that is not usual; window_bytes 0: nobody's          */
    bool in_use;           /* blanks are kept                                             */
    uint32_t users;        /* versions in force; of one that is not usual                 */
    struct link blanks;    /* oldest first                                                */
    uint32_t count;
    uint32_t starting;     /* instances that are RESTORING, and were its blanks           */
    struct burst burst;    /* of them                                                     */
};

void shelves_init(struct shelf shelf[SHELVES]);

bool shelf_is_usual(const struct shelf *shelf);

/* For a version that is put into force; until shelf_leave(). The usual one, where there are too many
 * kinds. */
struct shelf *shelf_use(struct shelf shelf[SHELVES], enum mf_sandbox sandbox,
                        const struct blank_fit *fit);
void shelf_leave(struct shelf *shelf);

/* How many to keep: of the usual kind wanted, of others half of that; after bursts up to `most`,
 * and not more than fit into bytes. */
uint32_t shelf_least(const struct shelf *shelf, uint32_t wanted);
uint32_t shelf_most(const struct shelf *shelf, uint32_t wanted, uint64_t bytes);

#endif
