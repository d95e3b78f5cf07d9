/* paper_table.c: medians of the rows of the bench `paper`, in the paper's units. */
#include "cli/paper_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/paper_table.h"
#include "bench/plot/paper.h"
#include "cli/command.h"

#define SUBJECTS_MAX 8u

/* Subjects in the order of their first row; how many. */
static size_t find_subjects(const json_t *rows, const char *subject[static SUBJECTS_MAX])
{
    size_t count = 0, index;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
    {
        const char *name = json_string_value(json_object_get(row, "subject"));
        size_t i = 0;
        if (strcmp(json_string_value(json_object_get(row, "bench")), "paper") != 0)
            continue;
        while (i < count && strcmp(subject[i], name) != 0)
            i++;
        if (i == count && count < SUBJECTS_MAX)
            subject[count++] = name;
    }
    return count;
}

static const json_t *find_row(const json_t *rows, const char *subject, const char *metric)
{
    size_t index;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
        if (strcmp(json_string_value(json_object_get(row, "bench")), "paper") == 0 &&
            strcmp(json_string_value(json_object_get(row, "subject")), subject) == 0 &&
            strcmp(json_string_value(json_object_get(row, "metric")), metric) == 0)
            return row;
    return NULL;
}

static void add_figure(struct cli_table *table, double figure)
{
    cli_table_add(table, figure < 10 ? "%.2f" : figure < 100 ? "%.1f" : "%.0f", figure);
}

static void add_line(struct cli_table *table, const json_t *rows, const struct paper_line *line,
                     const char *const *subject, size_t count)
{
    cli_table_add(table, "%s", line->title);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = find_row(rows, subject[i], line->metric);
        if (row)
            add_figure(table, json_number_value(json_object_get(row, "p50")) * line->factor);
        else
            cli_table_add(table, "-");
    }
    for (size_t i = 0; i < PAPER_PLATFORMS; i++)
        cli_table_add(table, isnan(line->figure[i]) ? "-" : "%.0f", line->figure[i]);
}

void print_paper_table(const json_t *rows)
{
    const char *subject[SUBJECTS_MAX];
    size_t count = find_subjects(rows, subject);
    struct cli_table table;
    if (!count)
        return;
    printf("\nmedians here, and what the paper has: %s, another machine, its own functions\n\n", PAPER_MACHINE);
    cli_table_open(&table, 1 + count + PAPER_PLATFORMS);
    cli_table_add(&table, "WHAT");
    for (size_t i = 0; i < count; i++)
        cli_table_add(&table, "%s", subject[i]);
    for (size_t i = 0; i < PAPER_PLATFORMS; i++)
        cli_table_add(&table, "THEIRS: %s", paper_platforms[i]);
    for (size_t i = 0; i < paper_line_count; i++)
        add_line(&table, rows, &paper_lines[i], subject, count);
    cli_table_close(&table);
}
