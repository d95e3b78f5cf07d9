/*
 * deadline.h: what is to be done at a time: the ends of waits, timers. A heap without
 * memory of its own: setting one cannot fail.
 */
#ifndef KERNEL_TASK_DEADLINE_H
#define KERNEL_TASK_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* Zero, but for due, before its first use. */
struct deadline {
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    void (*due)(struct deadline *deadline); /* once, when it has come; may set it again */
    struct deadline *child, *next, *previous; /* previous: of a first child, its parent */
    bool set;
};

void deadline_set(struct deadline *deadline, uint64_t at_ns); /* instead of what was set */
void deadline_clear(struct deadline *deadline);

/* When the next one comes; UINT64_MAX: none is set. */
uint64_t deadline_next(void);
/* Let all come that are due. */
void deadline_pass(uint64_t now_ns);

#endif
