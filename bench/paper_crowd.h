/*
 * paper_crowd.h: many instances at once of a program of the bench `paper`: asked all at once, and idle.
 * Of mayfly only.
 */
#ifndef MF_BENCH_PAPER_CROWD_H
#define MF_BENCH_PAPER_CROWD_H

#include "bench/bench.h"

struct crowd {
    const char *burst, *idle; /* metrics                                     */
    const struct subject_program *program;
    uint32_t burst_starts, bursts; /* of a burst; how often                  */
    uint32_t idle_instances;
};

/* Rows `burst`, of subjects at their default isolation. */
MF_CHECKED mf_err crowd_burst(struct bench_run *run, const struct crowd *crowd, struct mf_why *why);

/* Rows `idle`, of subjects whose instances live on after an event. */
MF_CHECKED mf_err crowd_idle(struct bench_run *run, const struct crowd *crowd, struct mf_why *why);

#endif
