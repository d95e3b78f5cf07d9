/*
 * timer.h: the node's timers, in one heap, on a clock that the caller passes in.
 * No allocation: a timer lives in what it belongs to. One thread.
 */
#ifndef MF_NODE_LOOP_TIMER_H
#define MF_NODE_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
    uint64_t at_ns;
    void (*fire)(struct timer *timer, uint64_t now_ns); /* unarmed by then; may set it again */
    struct timer *child, *sibling, *parent; /* parent: parent or previous sibling */
    bool armed;
};

struct timers {
    struct timer *first; /* the earliest; NULL: none armed */
    uint64_t fired_ns;   /* of the last timers_fire()      */
};

#define TIMER_NEVER UINT64_MAX

/* Arm, or move, a timer. TIMER_NEVER stops it. */
void timer_set(struct timers *timers, struct timer *timer, uint64_t at_ns);
void timer_stop(struct timers *timers, struct timer *timer);

/* When the earliest is due; TIMER_NEVER when none is armed. */
uint64_t timers_next(const struct timers *timers);

/* The clock was set: it says now_ns, which may be before the last timers_fire(). Timers keep their times. */
void timers_clock_set(struct timers *timers, uint64_t now_ns);

/* Fire all that are due at now_ns. True if any was. */
bool timers_fire(struct timers *timers, uint64_t now_ns);

#endif
