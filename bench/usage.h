/*
 * usage.h: what processes have used, read from /proc and their clocks. A process
 * that has gone meanwhile counts as nothing. One thread.
 */
#ifndef MF_BENCH_USAGE_H
#define MF_BENCH_USAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define PROCESSES_MAX 4096u

struct processes {
    uint32_t count;
    pid_t pid[PROCESSES_MAX];
};

/* Add root and all its descendants. MF_ETOOBIG: more than PROCESSES_MAX. */
MF_CHECKED mf_err processes_add_tree(struct processes *list, pid_t root);

struct usage {
    uint64_t cpu_ns;      /* of all threads, ended ones too (the scheduler's count), and of ended children */
    uint64_t faults;      /* minor and major page faults                            */
    uint64_t switches;    /* context switches of live threads, of either kind       */
};
void usage_of(const struct processes *list, struct usage *usage);

struct memory {
    uint64_t pss_kib;
    uint64_t private_dirty_kib;
    uint32_t unreadable; /* processes that hide their memory from us */
};
void memory_of(const struct processes *list, struct memory *memory);

uint64_t rss_kib_of(pid_t pid);
/* A line of /proc/meminfo; 0: there is none. */
uint64_t meminfo_kib(const char *key);

#endif
