/* paper.c: the table of paper.h. Container rows include Docker. */
#include "bench/plot/paper.h"

const struct paper_figure paper_figures[] = {
    {"Nanos", 7, 111, 710, 24, 25900, 231},
    {"OSv", 8, 112, 630, 32, 44400, 9633},
    {"Linux microVM", 6, 390, 4030, 60, 24400, 80},
    {"runc (Docker)", 2, 360, 6450, 4, 16100, 0},
    {"gVisor (Docker)", 3, 656, 7500, 25, 3700, 48},
};
const size_t paper_figure_count = sizeof paper_figures / sizeof paper_figures[0];
