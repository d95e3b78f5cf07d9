/* plot_memory.c: memory of an idle instance, by how many there are. */
#include "bench/plot/plot.h"
#include "bench/plot/plot_rows.h"

#define MIB_PER_KIB (1.0 / 1024)
#define PAPER_INSTANCES 100

static double memory_mib(const struct paper_figure *figure)
{
    return figure->memory_mib;
}

/* The kernel's share on top of what processes hold. */
static void add_kernel(const json_t *rows, const char *subject, struct series *series)
{
    struct series kernel;
    plot_series(rows, "memory", subject, "kernel_per_instance", MIB_PER_KIB, false, &kernel);
    for (size_t i = 0; i < series->count && i < kernel.count; i++) {
        series->point[i].y += kernel.point[i].y;
        series->point[i].low = series->point[i].high = series->point[i].y;
    }
}

static mf_err draw(const json_t *rows, const char *path, struct mf_why *why)
{
    static struct line_chart chart;
    struct plot_subjects subjects;
    chart = (struct line_chart){
        .title = "Memory of an idle instance",
        .subtitle = "Proportional set size and what the host's kernel holds for it. Dashed: "
                    "without the kernel's share.",
        .note = PAPER_MACHINE,
        .note_more = "Go",
        .x_label = "instances alive, logarithmic",
        .y_label = "MiB for each instance, logarithmic",
        .x_log = true,
        .y_log = true,
    };
    plot_subjects(rows, "memory", &subjects);
    for (size_t i = 0; i < subjects.count && chart.count + 1 < CHART_SERIES_MAX; i++) {
        struct series *all = &chart.series[chart.count++], *pss = &chart.series[chart.count++];
        plot_series(rows, "memory", subjects.name[i], "pss_per_instance", MIB_PER_KIB, false, all);
        all->stroke = SVG_SOLID;
        *pss = *all;
        pss->stroke = SVG_DASHED;
        pss->name[0] = 0;
        add_kernel(rows, subjects.name[i], all);
    }
    plot_paper(&chart, PAPER_INSTANCES, memory_mib);
    return chart_lines(&chart, path, why);
}

const struct plot plot_memory = {.file = "memory.svg", .bench = "memory", .draw = draw};
