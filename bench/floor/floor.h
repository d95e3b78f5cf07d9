/*
 * floor.h: for programs that measure what the kernel alone asks for a thing, so that
 * one knows how near to the floor mayfly is. Each prints `what  median  p99` in µs.
 */
#ifndef MF_BENCH_FLOOR_FLOOR_H
#define MF_BENCH_FLOOR_FLOOR_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/samples.h"

/* One go at the thing: the nanoseconds of the part that counts. Ends the program if
 * the machine refuses. */
typedef uint64_t (*floor_go)(void);

static inline void floor_measure(const char *what, unsigned rounds, floor_go go)
{
    struct samples us = {0};
    (void)go();
    for (unsigned i = 0; i < rounds; i++)
        if (samples_add(&us, (double)go() / (double)MF_NS_PER_US))
            exit(1);
    printf("%-52s %9.2f %9.2f\n", what, samples_percentile(&us, 50), samples_percentile(&us, 99));
    samples_close(&us);
}

_Noreturn static inline void floor_refused(const char *what)
{
    perror(what);
    exit(77);
}

#define FLOOR_NEED(call, what)   \
    do {                         \
        if (!(call))             \
            floor_refused(what); \
    } while (0)

#endif
