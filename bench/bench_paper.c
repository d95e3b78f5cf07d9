/*
 * bench_paper.c: the functions of the paper that plot/paper.h names, written anew: starts,
 * work, a static file, load. What they do: paper/; how a start is taken: bench_cold.c.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/paper_crowd.h"
#include "bench/paper_sample.h"

#define ROUNDS 10u
#define LOAD_ROUNDS_EVERY 2u /* a round of load for so many others */

#define PROGRAM(name) \
    {.image = "bench-paper-" name ".mf", .server = "bench-paper/" name, .folder = "bench-paper/data"}

static const struct subject_program hello = {.image = "bench-paper-hello.mf", .server = "bench-paper/hello"};
static const struct subject_program streams = {
    .image = "bench-paper-hello.mf", .server = "bench-paper/hello", .streams = true};
static const struct subject_program node = {
    .image = "bench-paper-node.mf", .server = "bench-paper/data/own.bin", .interpreter = "/usr/bin/node",
    .root = "bench-paper/node/root", .script = "main.js"};
static const struct subject_program python = {
    .image = "bench-paper-python.mf", .server = "bench-paper/data/own.bin", .interpreter = "/usr/bin/python3",
    .root = "bench-paper/python/root", .script = "main.py"};
static const struct subject_program file_server = PROGRAM("static");

static const struct work {
    const char *metric;
    struct subject_program program;
} works[] = {
    {"fib", PROGRAM("fib")},   {"fft", PROGRAM("fft")},     {"matrix", PROGRAM("matrix")},
    {"read", PROGRAM("read")}, {"unzip", PROGRAM("unzip")}, {"alloc", PROGRAM("alloc")},
};
#define WORK_COUNT (sizeof works / sizeof *works)

/* All samples of one metric. */
struct taken {
    struct samples samples[BENCH_SUBJECTS_MAX];
};

static bool is_ours(const struct subject *subject)
{
    return subject->kind == &subject_mayfly;
}

/* Listed for load only: how an instance is used again does not change what one does. */
static bool for_load(const struct bench_run *run, const struct subject *subject)
{
    return is_ours(subject) && subject->isolation[0] && !run->options->isolation;
}

static uint32_t warm_ups(void)
{
    return bench_number(1, 0);
}

/* Ours: one function, whose instances are as its isolation has them. Of the others one
 * instance for each round, started and asked once before it counts. */
static mf_err one_sample(struct bench_run *run, uint32_t s, uint32_t round, paper_sample *take,
                         struct taken *taken, struct mf_why *why)
{
    struct subject *subject = &run->subject[s];
    uint32_t instance = is_ours(subject) ? 0 : round;
    double value = 0;
    mf_err err = !is_ours(subject) || round == 0 ? subject_start(subject, instance, 0, NULL, why) : MF_OK;
    if (!err)
        err = take(subject, instance, &value, why);
    if (!err && round >= warm_ups())
        err = samples_add(&taken->samples[s], value);
    if (!is_ours(subject)) {
        mf_err ended = subject->kind->end(subject, instance, NULL, err ? NULL : why);
        err = err ? err : ended;
    }
    return err;
}

/* Streams are compared with the program as it is; an instance that is not used again serves one connection. */
static bool takes_part(const struct bench_run *run, uint32_t s, const struct subject_program *program,
                       bool load)
{
    const struct subject *subject = &run->subject[s];
    if (program->streams && (is_ours(subject) ? strcmp(subject->isolation, "reuse") != 0
                                              : subject->kind != &subject_program))
        return false;
    return !subject->left_out && (load || !for_load(run, subject));
}

static mf_err prepare(struct bench_run *run, const struct subject_program *program, uint32_t rounds,
                      bool load, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        struct subject *subject = &run->subject[s];
        if (!takes_part(run, s, program, load))
            continue;
        subject->program = program;
        err = bench_prepare(run, subject, is_ours(subject) ? 1 : warm_ups() + rounds, CONTENT_SAME, why);
        err = bench_outcome(run, subject, err, why);
    }
    return err;
}

/* One metric: the first round is for warming up. */
static mf_err measure(struct bench_run *run, const struct subject_program *program, uint32_t rounds,
                      paper_sample *take, struct taken *taken, struct mf_why *why)
{
    bool load = take != paper_work;
    paper_work_begin();
    mf_err err = prepare(run, program, rounds, load, why);
    for (uint32_t round = 0; round < warm_ups() + rounds && !err; round++)
        for (uint32_t s = 0; s < run->subject_count && !err; s++) {
            if (!takes_part(run, s, program, load))
                continue;
            err = one_sample(run, s, round, take, taken, why);
            err = bench_outcome(run, &run->subject[s], err, why);
            if (!err)
                err = bench_tick(run, why);
        }
    for (uint32_t s = 0; s < run->subject_count && !err; s++)
        if (takes_part(run, s, program, load) && is_ours(&run->subject[s]))
            err = run->subject[s].kind->end(&run->subject[s], 0, NULL, why);
    return err;
}

/* Rows of one metric; the samples are given back. */
static mf_err report(struct bench_run *run, const char *metric, enum row_unit unit, struct taken *taken,
                     mf_err err)
{
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err && taken->samples[s].count)
            err = bench_row(run, &run->subject[s], metric, unit, &taken->samples[s], NULL);
        samples_close(&taken->samples[s]);
    }
    return err;
}

static const struct cold {
    const char *metric;
    const struct subject_program *program;
    uint32_t starts;
} colds[] = {
    {"cold_start_go", &hello, 50},
    {"cold_start_node", &node, 10}, /* images of 200 MB */
    {"cold_start_python", &python, 10},
};
#define COLD_COUNT (sizeof colds / sizeof *colds)

/* What this machine has no interpreter for was not built. */
static bool is_there(struct bench_run *run, const struct cold *cold)
{
    char path[PATH_MAX], text[128];
    if (beside_us(cold->program->image, path) &&
        (!cold->program->interpreter || access(cold->program->interpreter, X_OK) == 0))
        return true;
    (void)snprintf(text, sizeof text, "paper: %s is left out: there is no %s, or no %s when it was built",
                   cold->metric, cold->program->image,
                   cold->program->interpreter ? cold->program->interpreter : "go");
    run->options->remark(run->options->context, text);
    return false;
}

static mf_err measure_cold(struct bench_run *run, const struct cold *cold, struct mf_why *why)
{
    struct taken taken = {0};
    for (uint32_t s = 0; s < run->subject_count; s++) {
        run->subject[s].program = cold->program;
        run->subject[s].rests = for_load(run, &run->subject[s]);
    }
    mf_err err = bench_cold_starts(run, bench_samples(run, cold->starts), taken.samples, why);
    return report(run, cold->metric, UNIT_US, &taken, err);
}

/* Ours only: what is promised of many instances at once. */
static const struct crowd crowds[] = {
    {"burst_go", "idle_go", &hello, 100, 5, 20},
    {"burst_node", "idle_node", &node, 100, 1, 8},
};
#define CROWD_COUNT (sizeof crowds / sizeof *crowds)

static mf_err measure_crowds(struct bench_run *run, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (size_t i = 0; i < CROWD_COUNT && !err; i++) {
        const struct cold as_cold = {crowds[i].burst, crowds[i].program, 0};
        const struct cold as_idle = {crowds[i].idle, crowds[i].program, 0};
        if (is_there(run, &as_cold))
            err = crowd_burst(run, &crowds[i], why);
        if (!err && is_there(run, &as_idle))
            err = crowd_idle(run, &crowds[i], why);
    }
    return err;
}

static uint32_t ticks(const struct bench_run *run, uint32_t rounds)
{
    return (uint32_t)(WORK_COUNT + 3) * 2 * (warm_ups() + rounds) * run->subject_count;
}

static mf_err paper_run(struct bench_run *run, struct mf_why *why)
{
    const uint32_t rounds = bench_samples(run, ROUNDS);
    struct taken taken = {0};
    mf_err err = MF_OK;
    for (size_t i = 0; i < COLD_COUNT && !err; i++)
        if (is_there(run, &colds[i]))
            err = measure_cold(run, &colds[i], why);
    if (!err)
        err = measure_crowds(run, why);
    run->done = 0;
    run->total = ticks(run, rounds);
    for (size_t i = 0; i < WORK_COUNT && !err; i++) {
        err = measure(run, &works[i].program, rounds, paper_work, &taken, why);
        err = report(run, works[i].metric, UNIT_US, &taken, err);
    }
    if (!err)
        err = report(run, "static", UNIT_PER_S, &taken,
                     measure(run, &file_server, rounds, paper_static, &taken, why));
    uint32_t load_rounds = rounds > 1 ? rounds / LOAD_ROUNDS_EVERY : 1;
    if (!err)
        err = report(run, "requests_per_second", UNIT_PER_S, &taken,
                     measure(run, &hello, load_rounds, paper_load, &taken, why));
    if (!err)
        err = report(run, "requests_per_second_by_stream", UNIT_PER_S, &taken,
                     measure(run, &streams, load_rounds, paper_load, &taken, why));
    return err;
}

const struct bench bench_paper = {
    .name = "paper",
    .subjects = "mayfly/process,mayfly/process:reuse,mayfly/kvm,mayfly/kvm:reuse,runc,process",
    .together = true,
    .summary = "servers in Go that do what the functions of Moebius et al. (2024) do",
    .explain =
        "The functions are bench/paper/, static programs that serve HTTP and know nothing of mayfly:\n"
        "the same file is in the image, in the container and started as it is. One client.\n"
        "cold_start_go: as cold_start of `cold`, of `hello`, a Go server that does nothing; 50\n"
        "functions (containers, processes), each with data of its own. Ours is frozen after a\n"
        "request to it, as function.yml asks for (warm_up). The others inherit the listening\n"
        "socket, in which the request waits.\n"
        "cold_start_node, cold_start_python: the same of a server in JavaScript and one in Python\n"
        "(http.server), with the machine's own Node.js and Python, ten each. The containers' copies\n"
        "have the same data. Node.js compiles in all of them (ours: jit: true).\n"
        "burst_go, burst_node: `last_answer` of `burst`, of the same two servers, ours only: 100\n"
        "functions of one image that never ran, all asked at once; Go 5 times, Node.js once.\n"
        "idle_go, idle_node: `pss_per_instance` of `memory`, over 0, 10 and 20 instances (Node.js:\n"
        "0, 4, 8); of mayfly/process:reuse and mayfly/kvm.\n"
        "fib, fft, matrix, read, unzip, alloc: one request, from before it is written to the\n"
        "reply's last byte, to an instance that has answered another one before. No work is done\n"
        "in an instance that has done it before: runc and process are started anew for every\n"
        "round, ours is as its default isolation has it (kvm: rolled back to its snapshot; process:\n"
        "another instance, whose start is in the figure). fib: 10⁹ steps; fft: 2²⁰ complex numbers;\n"
        "matrix: 1024 × 1024; read: a file of 50 MiB; unzip: ten files of 1 MiB, into memory; alloc:\n"
        "50 MiB, each page written. Answers must be the same for all subjects.\n"
        "static: a file of 50 MiB, KiB a second, by ten requests for ranges of 5 MiB on one\n"
        "connection, since a reply of ours has 6 MiB at most.\n"
        "requests_per_second: of `hello`, 64 clients for a second, as in `throughput`.\n"
        "requests_per_second_by_stream: the same at a port that is the program's (`listen`), past the\n"
        "gateway: of mayfly/X:reuse and process.\n"
        "10 rounds (load: 5), all subjects in turn, after one that does not count; --samples N: N\n"
        "starts and rounds. mayfly/X:reuse has rows only where it differs.\n"
        "Without --json the paper's own table follows, with our median beside it: another machine\n"
        "(8 cores), where container rows include Docker.",
    .run = paper_run,
};
