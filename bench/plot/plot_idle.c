/* plot_idle.c: what instances cost that have nothing to do. */
#include "bench/plot/plot.h"
#include "bench/plot/plot_rows.h"

static void add(const json_t *rows, const char *metric, const char *unit, struct panel *panel)
{
    struct plot_subjects subjects;
    plot_subjects(rows, "idle", &subjects);
    for (size_t i = 0; i < subjects.count; i++) {
        double value = plot_value(plot_row(rows, "idle", subjects.name[i], metric), "p50");
        plot_add_row(panel, subjects.name[i], plot_colour(subjects.name[i]), value, value, value,
                     unit);
    }
}

static mf_err draw(const json_t *rows, const char *path, struct mf_why *why)
{
    struct row_chart chart = {
        .title = "What it costs to be idle",
        .subtitle = "Here: the whole node with 20 instances that have nothing to do, over ten "
                    "seconds.",
        .count = 3,
        .panel = {{.heading = "Wake-ups, measured here", .label = "context switches in ten seconds",
                   .bars = true},
                  {.heading = "Processor time, measured here", .label = "microseconds in ten seconds",
                   .bars = true},
                  {.heading = "Theirs, on another machine, one instance: " PAPER_MACHINE,
                   .label = "thousand instructions in a second, logarithmic", .bars = true,
                   .log = true, .theirs = true}}};
    add(rows, "wakeups", "", &chart.panel[0]);
    add(rows, "cpu_time", "us", &chart.panel[1]);
    for (size_t i = 0; i < paper_figure_count; i++) {
        double value = paper_figures[i].idle_kinstructions;
        plot_add_row(&chart.panel[2], paper_figures[i].name, paper_figures[i].colour, value, value,
                     value, value > 0 ? "k" : "");
    }
    return chart_rows(&chart, path, why);
}

const struct plot plot_idle = {.file = "idle.svg", .bench = "idle", .draw = draw};
