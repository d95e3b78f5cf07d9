/*
 * paper_table.h: the tables of Moebius et al. (2024; plot/paper.h), to print our rows of the
 * bench `paper` beside them. Their machine is another one, their functions are their own.
 */
#ifndef MF_BENCH_PAPER_TABLE_H
#define MF_BENCH_PAPER_TABLE_H

#include <stddef.h>

#define PAPER_PLATFORMS 5u

extern const char *const paper_platforms[PAPER_PLATFORMS];

/* A line of their tables; ours is the median of `metric` times `factor`. */
struct paper_line {
    const char *metric;
    const char *title;  /* with the unit */
    double factor;
    double figure[PAPER_PLATFORMS]; /* NAN: none */
};

extern const struct paper_line paper_lines[];
extern const size_t paper_line_count;

#endif
