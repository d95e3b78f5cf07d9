/*
 * trace_held.h: the instances of one function in a replay: a heap of those that work, by
 * the end of their call, or a stack of those that are idle. One owner, one thread.
 */
#ifndef MF_BENCH_TRACE_HELD_H
#define MF_BENCH_TRACE_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct holding {
    uint64_t until_ns;  /* its call ends; it is unloaded */
    uint64_t loaded_ns; /* it was started                */
    uint64_t idle_ns;   /* it became idle                */
};

/* Zero-initialised means empty. Either a heap or a stack. */
struct held {
    struct holding *item;
    uint32_t count, room;
    uint64_t due_ns; /* of a stack: none is due before */
};

/* A heap. */
MF_CHECKED mf_err held_insert(struct held *heap, struct holding item);
uint64_t held_first_ns(const struct held *heap); /* UINT64_MAX: empty */
struct holding held_pop_first(struct held *heap);

/* A stack. take_due: any one that is due by now. */
MF_CHECKED mf_err held_push(struct held *stack, struct holding item);
bool held_pop_last(struct held *stack, struct holding *item);
bool held_take_due(struct held *stack, uint64_t now_ns, struct holding *item);

void held_close(struct held *held);

#endif
