/*
 * cpu_meter.h: what the instances of a function have used of the processors, those that are
 * gone included, and how long they wanted to run and could not. Read when somebody asks: a few
 * microseconds for each instance. Loop thread only.
 */
#ifndef MF_NODE_POOL_CPU_METER_H
#define MF_NODE_POOL_CPU_METER_H

#include <stdbool.h>
#include <stdint.h>

struct function;
struct instance;

struct cpu_meter {
    uint64_t used_ns;   /* ascends */
    uint64_t waited_ns; /* the same; by those that were there at two looks */
};

/* Bring the function's meter up to date. waiting: the second number, too. */
void cpu_meter_look(struct function *function, bool waiting);

/* The instance has ended; in all it has used so much. */
void cpu_meter_gone(struct function *function, const struct instance *instance, uint64_t used_ns);

#endif
