/* plot_burst.c: many cold starts at once. */
#include "bench/plot/plot.h"
#include "bench/plot/plot_rows.h"

#define MS_PER_US 1e-3
#define PAPER_STARTS 100

static double burst_ms(const struct paper_figure *figure)
{
    return figure->burst_mean_ms;
}

static mf_err draw(const json_t *rows, const char *path, struct mf_why *why)
{
    static struct line_chart chart;
    struct plot_subjects subjects;
    chart = (struct line_chart){
        .title = "A burst of cold starts: until the last is answered",
        .subtitle = "So many functions at once, none of which runs. Line: median of bursts; "
                    "whisker: best to worst.",
        .note = PAPER_MACHINE,
        .note_more = "mean answer, Go",
        .x_label = "cold starts at once",
        .y_label = "milliseconds, logarithmic",
        .y_log = true,
    };
    plot_subjects(rows, "burst", &subjects);
    for (size_t i = 0; i < subjects.count && chart.count < CHART_SERIES_MAX; i++)
        plot_series(rows, "burst", subjects.name[i], "last_answer", MS_PER_US, true,
                    &chart.series[chart.count++]);
    plot_paper(&chart, PAPER_STARTS, burst_ms);
    return chart_lines(&chart, path, why);
}

const struct plot plot_burst = {.file = "burst.svg", .bench = "burst", .draw = draw};
