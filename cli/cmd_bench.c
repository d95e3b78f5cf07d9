/*
 * cmd_bench.c: mayfly bench: measure mayfly and what it is compared with, here.
 * The benches are bench/; this is options, the progress bar, table and JSON.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/plot/plot.h"
#include "cli/command.h"
#include "cli/paper_table.h"
#include "image/pack.h"

enum {
    KEY_EXPLAIN = CLI_LONG,
    KEY_JSON,
    KEY_PEER,
    KEY_SUBJECT,
    KEY_SAMPLES,
    KEY_ISOLATION,
    KEY_SWEEP,
    KEY_QUICK,
    KEY_PLOT,
    KEY_FROM,
    KEY_TRACE,
    KEY_INSTANCE_KIB,
    KEY_COLD_US,
    KEY_WARM_US,
};

#define SAMPLES_MAX 100000
#define INPUT_MAX 1000000000
#define BENCHES_MAX 32
#define ROWS_FILE "results.json"
#define ROWS_BYTES_MAX (64u << 20)

static const struct cli_option options[] = {
    {"explain", KEY_EXPLAIN, NULL, "say what exactly is timed, and measure nothing"},
    {"json", KEY_JSON, NULL, "print one array of rows"},
    {"subject", KEY_SUBJECT, "NAME[,NAME]", "only these subjects"},
    {"peer", KEY_PEER, "NAME=COMMAND", "compare with another server, which must listen on $PORT"},
    {"samples", KEY_SAMPLES, "N", "samples (rounds, bursts) of each subject"},
    {"isolation", KEY_ISOLATION, "NAME", "not the default one"},
    {"sweep", KEY_SWEEP, NULL, "at many sizes: burst, memory"},
    {"quick", KEY_QUICK, NULL, "shorter and smaller throughout: do the benches run? Their figures are worth nothing"},
    {"plot", KEY_PLOT, "DIR", "draw pictures into DIR, and keep the rows there; alone: run what they need"},
    {"from", KEY_FROM, "FILE", "measure nothing: take the rows of an earlier run, from its --json or --plot"},
    {"trace", KEY_TRACE, "FILE", "policy: of calls, app,func,end_timestamp,duration"},
    {"instance-kib", KEY_INSTANCE_KIB, "KIB", "policy: memory of an instance"},
    {"cold-us", KEY_COLD_US, "US", "policy: processor time of a start"},
    {"warm-us", KEY_WARM_US, "US", "policy: the same of a call that finds an instance"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_bench = {
    .name = "bench",
    .arguments = "[NAME… | all] [options]",
    .summary = "measure mayfly on this machine, beside what it is compared with",
    .details =
        "Without a name: which benches there are. Subjects are measured in one run, in turn, so\n"
        "that their ratio means something on a noisy machine; keep it quiet all the same.\n"
        "A subject that cannot run here is left out, and why is said on standard error.",
    .options = options,
    .run = run,
};

/* What is going on, for the callbacks. */
struct session {
    struct cli_progress bar;
    bool bar_open;
};

static void end_bar(struct session *session)
{
    if (session->bar_open)
        cli_progress_close(&session->bar);
    session->bar_open = false;
}

static void progress(void *context, const char *bench, uint64_t done, uint64_t total)
{
    struct session *session = context;
    if (!session->bar_open)
        cli_progress_open(&session->bar, bench, total);
    session->bar_open = true;
    cli_progress_at(&session->bar, done, "");
    if (done >= total)
        end_bar(session);
}

static void remark(void *context, const char *text)
{
    end_bar(context);
    cli_note("%s", text);
}

static void stop(int signal)
{
    (void)signal;
    bench_stop = 1;
}

/* Ctrl-C ends the run in good order, with all that it started. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void add_peer(struct bench_options *wanted, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1] || equals - text >= SUBJECT_NAME_BYTES)
        cli_usage(&cmd_bench, "--peer takes NAME=COMMAND, not \"%s\"", text);
    if (wanted->peer_count == BENCH_PEERS_MAX)
        cli_usage(&cmd_bench, "at most %u peers", BENCH_PEERS_MAX);
    struct bench_peer *peer = &wanted->peer[wanted->peer_count++];
    (void)snprintf(peer->name, sizeof peer->name, "%.*s", (int)(equals - text), text);
    peer->command = equals + 1;
}

struct asked {
    const struct bench *bench[BENCHES_MAX];
    size_t count;
    bool explain, json;
    const char *plot, *from;
    struct bench_options options;
};

static uint32_t input(const char *option, const char *text)
{
    return (uint32_t)cli_number(option, text, 1, INPUT_MAX);
}

static void parse_options(int argc, char **argv, struct asked *asked)
{
    for (int key; (key = cli_getopt(&cmd_bench, argc, argv)) != -1;) {
        switch (key) {
        case KEY_EXPLAIN:
            asked->explain = true;
            break;
        case KEY_JSON:
            asked->json = true;
            break;
        case KEY_PEER:
            add_peer(&asked->options, optarg);
            break;
        case KEY_SUBJECT:
            asked->options.only = optarg;
            break;
        case KEY_SAMPLES:
            asked->options.samples = (uint32_t)cli_number("--samples", optarg, 1, SAMPLES_MAX);
            break;
        case KEY_ISOLATION:
            asked->options.isolation = optarg;
            break;
        case KEY_SWEEP:
            asked->options.sweep = true;
            break;
        case KEY_QUICK:
            asked->options.quick = true;
            break;
        case KEY_PLOT:
            asked->plot = optarg;
            break;
        case KEY_FROM:
            asked->from = optarg;
            break;
        case KEY_TRACE:
            asked->options.trace = optarg;
            break;
        case KEY_INSTANCE_KIB:
            asked->options.instance_kib = input("--instance-kib", optarg);
            break;
        case KEY_COLD_US:
            asked->options.cold_us = input("--cold-us", optarg);
            break;
        case KEY_WARM_US:
            asked->options.warm_us = input("--warm-us", optarg);
            break;
        }
    }
}

static void parse_names(int argc, char **argv, struct asked *asked)
{
    for (int i = optind; i < argc; i++) {
        if (strcmp(argv[i], "all") == 0) {
            for (size_t j = 0; bench_all()[j] && asked->count < BENCHES_MAX; j++)
                asked->bench[asked->count++] = bench_all()[j];
            continue;
        }
        const struct bench *bench = bench_find(argv[i]);
        if (!bench)
            cli_usage(&cmd_bench, "no bench \"%s\"; `mayfly bench` lists them", argv[i]);
        if (asked->count < BENCHES_MAX)
            asked->bench[asked->count++] = bench;
    }
}

static int list(bool json)
{
    json_t *all = json ? json_array() : NULL;
    struct cli_table table;
    cli_table_open(&table, 3);
    cli_table_add(&table, "BENCH");
    cli_table_add(&table, "SUBJECTS");
    cli_table_add(&table, "MEASURES");
    for (const struct bench *const *at = bench_all(); *at; at++) {
        if (json)
            json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "bench", (*at)->name,
                                                 "subjects", (*at)->subjects, "measures",
                                                 (*at)->summary));
        cli_table_add(&table, "%s", (*at)->name);
        cli_table_add(&table, "%s", (*at)->subjects);
        cli_table_add(&table, "%s", (*at)->summary);
    }
    if (json)
        return cli_print_json(all);
    cli_table_close(&table);
    return CLI_OK;
}

static int explain(const struct asked *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        const struct bench *bench = asked->bench[i];
        printf("%s%s%s%s: %s\nsubjects: %s%s\n\n%s\n", i ? "\n" : "", cli_colour(CLI_BOLD),
               bench->name, cli_colour(CLI_PLAIN), bench->summary, bench->subjects,
               bench->peers ? ", and any --peer" : "", bench->explain);
    }
    return CLI_OK;
}

static void print_number(struct cli_table *table, const json_t *row, const char *key)
{
    double value = json_number_value(json_object_get(row, key));
    cli_table_add(table, value < 100 && value > -100 ? "%.2f" : "%.0f", value);
}

static void print_table(const json_t *rows)
{
    static const char *const text[] = {"bench", "subject", "metric", "unit"};
    static const char *const number[] = {"p50", "p99", "min", "max"};
    static const char *const head[] = {"BENCH", "SUBJECT", "METRIC", "UNIT", "N",
                                       "P50",   "P99",     "MIN",    "MAX"};
    struct cli_table table;
    cli_table_open(&table, sizeof head / sizeof head[0]);
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        cli_table_add(&table, "%s", head[i]);
    size_t index;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
    {
        for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
            cli_table_add(&table, "%s", json_string_value(json_object_get(row, text[i])));
        cli_table_add(&table, "%lld", json_integer_value(json_object_get(row, "n")));
        for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
            print_number(&table, row, number[i]);
    }
    cli_table_close(&table);
}

static void say_drawn(void *context, const char *path)
{
    (void)context;
    cli_note("drawn: %s", path);
}

static int draw(const json_t *rows, const char *directory)
{
    struct mf_why why = {{0}};
    mf_err err = plot_all(rows, directory, say_drawn, NULL, &why);
    return err ? cli_fail_why(&why, err) : CLI_OK;
}

static int keep_rows(const json_t *rows, const char *directory)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/" ROWS_FILE, directory);
    return json_dump_file(rows, path, JSON_INDENT(2)) == 0
               ? CLI_OK
               : cli_fail(CLI_FAILED, "%s: cannot write: %s", path, strerror(errno));
}

/* The pictures' benches, where no other was asked for. */
static void ask_for_plots(struct asked *asked)
{
    bool none = asked->count == 0;
    asked->options.sweep = true;
    for (size_t i = 0; plots[i] && none && i < BENCHES_MAX; i++)
        asked->bench[asked->count++] = bench_find(plots[i]->bench);
}

static int draw_from(const struct asked *asked)
{
    json_error_t error;
    struct mf_buf text = {0};
    struct mf_why why = {{0}};
    mf_err err = pack_read_file(asked->from, ROWS_BYTES_MAX, &text, &why);
    if (err)
        return cli_fail_why(&why, err);
    json_t *rows = json_loadb((const char *)text.data, text.bytes, 0, &error);
    mf_buf_close(&text);
    if (!json_is_array(rows)) {
        json_decref(rows);
        return cli_fail(CLI_FAILED, "%s is no array of rows, as --json prints them: %s",
                        asked->from, error.text);
    }
    int code = draw(rows, asked->plot);
    json_decref(rows);
    return code;
}

/* Rows that were measured before a bench failed are printed all the same. */
static int measure(struct asked *asked)
{
    struct session session = {0};
    struct rows rows = {0};
    struct mf_why why = {{0}};
    mf_err err = MF_OK;
    asked->options.progress = progress;
    asked->options.remark = remark;
    asked->options.context = &session;
    catch_signals();
    for (size_t i = 0; i < asked->count && !err; i++) {
        err = bench_run(asked->bench[i], &asked->options, &rows, &why);
        end_bar(&session);
    }
    int code = err ? cli_fail_why(&why, err) : CLI_OK;
    if (asked->plot && rows.array) {
        int drawn = draw(rows.array, asked->plot);
        drawn = drawn ? drawn : keep_rows(rows.array, asked->plot);
        code = code ? code : drawn;
    }
    if (asked->json) {
        int printed = cli_print_json(rows.array ? json_incref(rows.array) : json_array());
        code = code ? code : printed;
    } else if (rows.array) {
        print_table(rows.array);
        print_paper_table(rows.array);
    }
    rows_close(&rows);
    return code;
}

static int run(int argc, char **argv)
{
    struct asked asked = {0};
    parse_options(argc, argv, &asked);
    parse_names(argc, argv, &asked);
    if (asked.from && !asked.plot)
        cli_usage(&cmd_bench, "--from needs --plot DIR: pictures of these rows go there");
    if (asked.from)
        return draw_from(&asked);
    if (asked.plot)
        ask_for_plots(&asked);
    if (!asked.count)
        return list(asked.json);
    return asked.explain ? explain(&asked) : measure(&asked);
}
