/*
 * output.c: how the command speaks: messages, JSON, colours, tables, a progress
 * bar. A person at a terminal and a program at a pipe get the same data; only
 * the person gets colours and bars.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"

#define BAR_CELLS 30
#define BAR_PERIOD_NS (50 * MF_NS_PER_MS)

/* What a terminal would obey becomes '?', in ASCII and in UTF-8 (U+0080 to U+009F): messages quote
 * archives, images and answers of strangers. */
static void tame(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if ((*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
            *c = '?';
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
            c[0] = c[1] = '?';
    }
}

static void say(const char *prefix, const char *format, va_list args)
{
    char *text;
    fflush(stdout); /* keeps the order where both go to one place */
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    if (text)
        tame(text);
    fprintf(stderr, "%s%s\n", prefix, text ? text : "out of memory");
    free(text);
}

int cli_fail(enum cli_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("mayfly: ", format, args);
    va_end(args);
    return (int)code;
}

int cli_fail_why(const struct mf_why *why, mf_err err)
{
    enum cli_exit code = err == MF_ENOENT         ? CLI_NOT_FOUND
                         : err == MF_EUNSUPPORTED ? CLI_UNSUPPORTED
                                                  : CLI_FAILED;
    return cli_fail(code, "%s", mf_why_text(why, err));
}

void cli_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

int cli_print_json(json_t *value)
{
    if (!value)
        return cli_fail(CLI_FAILED, "out of memory");
    int failed = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
    return failed ? cli_fail(CLI_FAILED, "standard output: cannot write JSON") : CLI_OK;
}

const char *cli_colour(enum cli_colour colour)
{
    static const char *const sequence[] = {
        [CLI_PLAIN] = "\033[0m", [CLI_BOLD] = "\033[1m",   [CLI_DIM] = "\033[2m",
        [CLI_RED] = "\033[31m",  [CLI_GREEN] = "\033[32m", [CLI_YELLOW] = "\033[33m",
    };
    static int on = -1;
    if (on < 0) {
        const char *no = getenv("NO_COLOR"); /* https://no-color.org */
        on = isatty(STDOUT_FILENO) && !(no && no[0]);
    }
    return on ? sequence[colour] : "";
}

const char *cli_bytes(uint64_t bytes, char buffer[static 16])
{
    static const char unit[][4] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t i = 0;
    while (value >= 1024 && i + 1 < sizeof unit / sizeof unit[0]) {
        value /= 1024;
        i++;
    }
    (void)snprintf(buffer, 16, i && value < 100 ? "%.1f %s" : "%.0f %s", value, unit[i]);
    return buffer;
}

void cli_table_open(struct cli_table *table, size_t columns)
{
    mf_assert(columns > 0);
    *table = (struct cli_table){.columns = columns};
}

static void *or_die(void *memory)
{
    if (!memory)
        exit(cli_fail(CLI_FAILED, "out of memory"));
    return memory;
}

void cli_table_add(struct cli_table *table, const char *format, ...)
{
    if (table->cells == table->room) {
        table->room = table->room ? 2 * table->room : 64;
        table->cell = or_die(realloc(table->cell, table->room * sizeof table->cell[0]));
    }
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int bytes = vasprintf(&text, format, args);
    va_end(args);
    table->cell[table->cells++] = or_die(bytes < 0 ? NULL : text);
}

/* Characters, not bytes: continuation bytes of UTF-8 have no width. */
static size_t width(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void cli_table_close(struct cli_table *table)
{
    size_t *widest = or_die(calloc(table->columns, sizeof *widest));
    for (size_t i = 0; i < table->cells; i++)
        if (width(table->cell[i]) > widest[i % table->columns])
            widest[i % table->columns] = width(table->cell[i]);
    for (size_t i = 0; i < table->cells; i++) {
        size_t column = i % table->columns;
        bool heading = i < table->columns;
        bool last = column + 1 == table->columns;
        size_t pad = last ? 0 : widest[column] - width(table->cell[i]) + 2;
        printf("%s%s%s%*s%s", heading ? cli_colour(CLI_BOLD) : "", table->cell[i],
               heading ? cli_colour(CLI_PLAIN) : "", (int)pad, "", last ? "\n" : "");
    }
    for (size_t i = 0; i < table->cells; i++)
        free(table->cell[i]);
    free(widest);
    free(table->cell);
    *table = (struct cli_table){0};
}

void cli_progress_open(struct cli_progress *progress, const char *label, uint64_t total)
{
    *progress = (struct cli_progress){.label = label, .total = total,
                                      .on = isatty(STDERR_FILENO)};
    cli_progress_at(progress, 0, "");
}

void cli_progress_at(struct cli_progress *progress, uint64_t done, const char *note)
{
    uint64_t now = mf_monotonic_ns();
    bool whole = progress->total && done >= progress->total;
    if (!progress->on || (progress->shown_ns && !whole && now - progress->shown_ns < BAR_PERIOD_NS))
        return;
    progress->shown_ns = now;
    fprintf(stderr, "\r\033[K%s ", progress->label);
    if (progress->total) {
        uint64_t at = whole ? progress->total : done;
        int filled = (int)((double)at / (double)progress->total * BAR_CELLS);
        fputc('[', stderr);
        for (int i = 0; i < BAR_CELLS; i++)
            fputc(i < filled ? '#' : '.', stderr);
        fprintf(stderr, "] %3d%% ", (int)((double)at / (double)progress->total * 100));
    }
    fprintf(stderr, "%s", note);
    fflush(stderr);
}

void cli_progress_close(struct cli_progress *progress)
{
    if (progress->on)
        fputs("\r\033[K", stderr);
    progress->on = false;
}
