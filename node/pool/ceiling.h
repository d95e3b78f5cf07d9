/*
 * ceiling.h: a function's CPU ceiling, for all its instances together. While they work,
 * their CPU clocks are read every CEILING_TICK_MS; what they used beyond the ceiling
 * they pay back stopped. An idle instance has no right to more: while there are only
 * such, and they are quiet, a look every CEILING_QUIET_MS. Loop thread only.
 */
#ifndef MF_NODE_POOL_CEILING_H
#define MF_NODE_POOL_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#include "node/loop/timer.h"

#define CEILING_TICK_MS 10
#define CEILING_QUIET_MS 1000
#define CEILING_QUIET_LOOKS 10 /* in a row at which none had used anything, before that */

struct function;
struct instance;
struct node;

struct ceiling {
    struct timer timer;
    uint64_t looked_ns;     /* when the clocks were read            */
    int64_t credit_ns;      /* CPU time it may use; negative: debt  */
    bool stopped;           /* its instances are                    */
    uint32_t quiet_looks;   /* in a row; from CEILING_QUIET_LOOKS on slow ones */
    uint64_t seen_ns;       /* of the function's meter, then                   */
    uint64_t throttled_ns;  /* how long they have been, in all      */
};

void ceiling_init(struct ceiling *ceiling);
void ceiling_close(struct ceiling *ceiling, struct node *node);

/* An instance of the function has become busy. */
void ceiling_watch(struct function *function);

/* Stop instances, or let them go on, as the ceiling and fair.h say now. False: some could not be
 * told yet. */
bool ceiling_pause(struct function *function);

/* The arithmetic, for tests: credit after elapsed_ns in which used_ns were used. */
int64_t ceiling_credit(int64_t credit_ns, uint64_t elapsed_ns, uint64_t used_ns,
                       uint32_t ceiling_pct);

#endif
