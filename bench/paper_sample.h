/* paper_sample.h: what one sample of bench_paper.c is, of a subject whose instance runs. One thread. */
#ifndef MF_BENCH_PAPER_SAMPLE_H
#define MF_BENCH_PAPER_SAMPLE_H

#include <stdint.h>

#include "base/err.h"
#include "bench/subject.h"

/* MF_EPROTO: it answered something else than it should. */
typedef mf_err paper_sample(struct subject *subject, uint32_t instance, double *value, struct mf_why *why);

/* Microseconds that the work takes; of all subjects since paper_work_begin() the answers must be alike. */
void paper_work_begin(void);
paper_sample paper_work;
/* KiB a second of a file that is asked for in parts. */
paper_sample paper_static;
/* Requests a second. */
paper_sample paper_load;

#endif
