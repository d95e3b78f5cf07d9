/*
 * paper.h: figures that others published, to stand beside ours: F. Moebius et al., "Are
 * Unikernels Ready for Serverless on the Edge?" (2024), and its data files. Measured on
 * another machine, with functions in Go, so they show orders of magnitude, not ratios.
 */
#ifndef MF_BENCH_PLOT_PAPER_H
#define MF_BENCH_PLOT_PAPER_H

#include <stddef.h>

#define PAPER_MACHINE "Moebius et al. 2024, i5-1135G7"

/* NAN: not given. */
struct paper_figure {
    const char *name;
    unsigned colour;               /* of the same thing here, if there is one     */
    double cold_start_ms;          /* Go, mean, proxy included                    */
    double burst_mean_ms;          /* of 100 cold starts, Go                      */
    double memory_mib;             /* per instance, at 100, Go                    */
    double requests_per_s;         /* at 64 clients                               */
    double idle_kinstructions;     /* thousand instructions in an idle second, Go */
};

extern const struct paper_figure paper_figures[];
extern const size_t paper_figure_count;

#endif
