/* plot_throughput.c: requests a second, by how many clients there are. */
#include "bench/plot/plot.h"
#include "bench/plot/plot_rows.h"

#define PAPER_CLIENTS 64
#define CLIENTS_MAX 1024

static double requests(const struct paper_figure *figure)
{
    return figure->requests_per_s;
}

static void cut(struct series *series)
{
    while (series->count && series->point[series->count - 1].x > CLIENTS_MAX)
        series->count--;
}

static mf_err draw(const json_t *rows, const char *path, struct mf_why *why)
{
    static struct line_chart chart;
    struct plot_subjects subjects;
    chart = (struct line_chart){
        .title = "Throughput of a function that does nothing",
        .subtitle = "Closed loops, the load generator on the same processors. Line: median of "
                    "rounds; whisker: least to most.",
        .note = PAPER_MACHINE,
        .note_more = "Go, 64 clients",
        .x_label = "clients, logarithmic",
        .y_label = "requests a second, logarithmic",
        .x_log = true,
        .y_log = true,
    };
    plot_subjects(rows, "sweep", &subjects);
    for (size_t i = 0; i < subjects.count && chart.count < CHART_SERIES_MAX; i++) {
        plot_series(rows, "sweep", subjects.name[i], "requests_per_second", 1, true,
                    &chart.series[chart.count]);
        cut(&chart.series[chart.count++]);
    }
    plot_paper(&chart, PAPER_CLIENTS, requests);
    return chart_lines(&chart, path, why);
}

const struct plot plot_throughput = {.file = "throughput.svg", .bench = "sweep", .draw = draw};
