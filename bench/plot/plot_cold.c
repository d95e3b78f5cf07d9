/* plot_cold.c: cold start by subject, with its spread. */
#include "bench/plot/plot.h"
#include "bench/plot/plot_rows.h"

#define MS_PER_US 1e-3

static mf_err draw(const json_t *rows, const char *path, struct mf_why *why)
{
    struct plot_subjects subjects;
    struct row_chart chart = {
        .title = "Cold start, from request to first byte",
        .subtitle = "Nothing of the function runs before. Mark: median; line: fastest to 99th "
                    "percentile.",
        .one_axis = true,
        .count = 2,
        .panel = {{.heading = "Measured here, a function in C",
                   .label = "milliseconds, logarithmic", .log = true},
                  {.heading = "Theirs, on another machine, a function in Go: " PAPER_MACHINE,
                   .label = "milliseconds, logarithmic (mean)", .log = true, .theirs = true}}};
    plot_subjects(rows, "cold", &subjects);
    for (size_t i = 0; i < subjects.count; i++) {
        const json_t *row = plot_row(rows, "cold", subjects.name[i], "cold_start");
        plot_add_row(&chart.panel[0], subjects.name[i], plot_colour(subjects.name[i]),
                     plot_value(row, "p50") * MS_PER_US, plot_value(row, "min") * MS_PER_US,
                     plot_value(row, "p99") * MS_PER_US, "ms");
    }
    for (size_t i = 0; i < paper_figure_count; i++) {
        double ms = paper_figures[i].cold_start_ms;
        plot_add_row(&chart.panel[1], paper_figures[i].name, paper_figures[i].colour, ms, ms, ms,
                     "ms");
    }
    return chart_rows(&chart, path, why);
}

const struct plot plot_cold = {.file = "cold.svg", .bench = "cold", .draw = draw};
