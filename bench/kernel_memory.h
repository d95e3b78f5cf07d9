/*
 * kernel_memory.h: how much of its own memory the kernel spends on what we start: page
 * tables, task structures, stacks, namespaces, VMs. Two ways, neither of them moved by page
 * cache or by programs that come and go:
 *
 *   the memory cgroup   counts what the kernel allocates on behalf of the processes in it,
 *                       and of nobody else. Needs a cgroup of our own to put them into.
 *   /proc/meminfo       all memory that is neither free nor page cache nor anonymous. Anybody
 *                       may read it, and whatever else the machine does is in it.
 * One thread.
 */
#ifndef MF_BENCH_KERNEL_MEMORY_H
#define MF_BENCH_KERNEL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/usage.h"

#define CGROUP_PATH_BYTES 512

struct kernel_memory {
    bool grouped;                  /* there is a cgroup of our own                  */
    bool unified;                  /* of version 2                                  */
    char home[CGROUP_PATH_BYTES];  /* the cgroup we came from                       */
    char group[CGROUP_PATH_BYTES]; /* ours, below it                                */
};

/* Make a cgroup where we may, and enter it with the processes of list and all that we or
 * they start from now on. Without one, grouped is false. */
void kernel_memory_open(struct kernel_memory *memory, const struct processes *list);

/* Everybody in it goes back to where we came from; cgroups below it must be gone. */
void kernel_memory_close(struct kernel_memory *memory);

/* Are all of these in it, or in one below it? Some programs put themselves elsewhere. */
bool kernel_memory_covers(const struct kernel_memory *memory, const struct processes *list);

/* What the kernel holds for the cgroup. 0: there is none. */
uint64_t kernel_memory_grouped_kib(const struct kernel_memory *memory);

/* What it holds in all, by /proc/meminfo. */
uint64_t kernel_memory_kib(void);

#endif
