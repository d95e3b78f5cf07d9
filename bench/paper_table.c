/* paper_table.c: means where the paper prints one, else medians of its data files. */
#include "bench/paper_table.h"

#include <math.h>

#define US_TO_MS 1e-3
#define KIB_TO_MIB (1.0 / 1024)

const char *const paper_platforms[PAPER_PLATFORMS] = {"Nanos", "OSv", "Linux VM", "runc (Docker)",
                                                      "gVisor (Docker)"};

const struct paper_line paper_lines[] = {
    {"cold_start_go", "cold start Go, ms", US_TO_MS, {111, 112, 390, 360, 656}},
    {"cold_start_node", "cold start Node, ms", US_TO_MS, {231, 289, 483, 381, 750}},
    {"cold_start_python", "cold start Python, ms", US_TO_MS, {NAN, NAN, NAN, NAN, NAN}},
    {"burst_go", "100 starts at once Go, last answer, ms", US_TO_MS, {NAN, NAN, NAN, NAN, NAN}},
    {"burst_node", "100 starts at once Node, last answer, ms", US_TO_MS, {NAN, NAN, NAN, NAN, NAN}},
    {"fib", "fib 10^9, ms", US_TO_MS, {493, 489, 494, 493, 497}},
    {"fft", "fft 2^20, ms", US_TO_MS, {65, 61, 55, 44, 56}},
    {"matrix", "matrix 1024^2, ms", US_TO_MS, {333, 336, 334, 325, 337}},
    {"alloc", "allocate 50 MiB, ms", US_TO_MS, {55, 41, 42, 18, 40}},
    {"read", "read 50 MiB, ms", US_TO_MS, {199, 181, 123, 87, 163}},
    {"unzip", "unzip, ms", US_TO_MS, {123, 673, 97, 36, 65}},
    {"requests_per_second", "requests/s, 64 clients", 1, {25900, 44400, 24400, 16100, 3700}},
    {"static", "static file, MiB/s", KIB_TO_MIB, {271, 2852, 3519, 2985, 181}},
};
const size_t paper_line_count = sizeof paper_lines / sizeof *paper_lines;
