/*
 * bench.h: the benches, as data. `mayfly bench` (cli/cmd_bench.c) runs them by this
 * table; what each times stands in its `explain`, and in docs/BENCH.md.
 */
#ifndef MF_BENCH_BENCH_H
#define MF_BENCH_BENCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/rows.h"
#include "bench/subject.h"

#define BENCH_SUBJECTS_MAX 16u
#define BENCH_PEERS_MAX 8u

/* Programs beside the mayfly command. */
#define BENCH_STATIC_HTTP "bench-static-http"
#define BENCH_HTTP_SERVER "bench-http-server"
#define BENCH_KEEPER "bench-keeper"
#define BENCH_NOOP_IMAGE "bench-noop.mf"
#define BENCH_DISTINCT_IMAGE "bench-distinct.mf"
#define BENCH_HOSTILE_IMAGE "bench-hostile.mf"
#define BENCH_LATE_IMAGE "bench-late.mf"
#define BENCH_TELL_IMAGE "bench-tell.mf"
#define BENCH_DIRTY_IMAGE "bench-dirty.mf"
#define BENCH_MADE_TRACE "bench-made-trace.csv"

struct bench_peer {
    char name[SUBJECT_NAME_BYTES];
    const char *command;
};

/* What the command line may say, and where remarks go. */
struct bench_options {
    uint32_t samples;        /* of each subject; 0: the bench's own number          */
    const char *isolation;   /* NULL: the product's default                         */
    const char *only;        /* comma list of subjects, NULL: all                   */
    bool sweep;
    bool quick;              /* figures are worth nothing, rows are as ever */
    const char *trace;       /* `policy`: a file; NULL: the made one                */
    uint32_t instance_kib, cold_us, warm_us; /* `policy`: inputs; 0: its own numbers */
    uint32_t peer_count;
    struct bench_peer peer[BENCH_PEERS_MAX];
    void (*progress)(void *context, const char *bench, uint64_t done, uint64_t total);
    void (*remark)(void *context, const char *text); /* a subject left out, and why */
    void *context;
};

/* One bench being run. */
struct bench_run {
    const char *name;
    const struct bench_options *options;
    struct rows *rows;
    uint32_t subject_count;
    struct subject subject[BENCH_SUBJECTS_MAX];
    uint64_t done, total; /* for the progress bar; a bench that knows sets total */
};

struct bench {
    const char *name;
    const char *subjects; /* comma list, in the order of the rows; mayfly/X:ISOLATION, too */
    bool peers;    /* --peer adds to them                                          */
    bool own_subjects; /* finds them itself: run() has none, and reads options->only */
    bool together; /* all open at once, measured in turn; else one after the other */
    const char *summary;
    const char *explain;
    mf_err (*run)(struct bench_run *run, struct mf_why *why);
};

/* X(name): in the order in which `mayfly bench all` runs them. */
#define BENCHES(X) \
    X(cold) X(start_cost) X(warm) X(throughput) X(fronts) X(sweep) X(burst) X(reset) X(neighbour) X(fair) X(idle) X(memory) \
    X(deployed) X(queue) X(events) X(workloads) X(policy) X(paper)
#define BENCH_DECLARE(name) extern const struct bench bench_##name;
BENCHES(BENCH_DECLARE)

/* NULL-terminated. */
const struct bench *const *bench_all(void);
const struct bench *bench_find(const char *name);

/* Run one bench; its rows are added to *rows. A subject that cannot run is left
 * out with a remark; MF_EUNSUPPORTED when none can. Ends everything it started. */
MF_CHECKED mf_err bench_run(const struct bench *bench, const struct bench_options *options,
                            struct rows *rows, struct mf_why *why);

/* Set by a signal handler of the caller's: runs stop at the next sample. */
extern volatile sig_atomic_t bench_stop;

/* ---- for the benches ---- */

/* How many threads of the node speak HTTP by default, its fronts and the functions' own; so
 * many has the bare server. */
uint32_t bench_http_threads(void);
/* Fronts for all processors but one; one at least. */
uint32_t bench_fronts_most(void);

/* The isolation of a function that asks for none; and whether this build's functions have
 * that setting at all. */
const char *bench_default_isolation(void);
bool bench_has_isolation(void);

/* Is the subject of that name asked for? */
bool bench_wants(const struct bench_run *run, const char *name);

/* One more of run->total is done. MF_EAGAIN: bench_stop is set. */
MF_CHECKED mf_err bench_tick(struct bench_run *run, struct mf_why *why);

/* prepare() and make() of count instances, a tick for each. */
MF_CHECKED mf_err bench_prepare(struct bench_run *run, struct subject *subject, uint32_t count,
                                enum subject_content content, struct mf_why *why);

/* What became of an instance of a subject: of ours, err with the subject's name before
 * the reason; another that fails, or one that cannot run here, is left out from here on, with a
 * remark, and MF_OK. */
mf_err bench_outcome(struct bench_run *run, struct subject *subject, mf_err err,
                     struct mf_why *why);

/* rows_add() for this bench. */
MF_CHECKED mf_err bench_row(struct bench_run *run, const struct subject *subject,
                            const char *metric, enum row_unit unit, struct samples *samples,
                            json_t **row);
MF_CHECKED mf_err bench_row_one(struct bench_run *run, const struct subject *subject,
                                const char *metric, enum row_unit unit, double value);
/* Rows of ours are printed under the isolation in force, too: mayfly/kvm:reuse. */
MF_CHECKED mf_err bench_row_isolated(struct bench_run *run, const struct subject *subject,
                                     const char *metric, enum row_unit unit,
                                     struct samples *samples);

/* Rest between samples, so that what one left behind does not tax the next. */
#define BENCH_SETTLE_MS 20

void bench_settle(uint32_t ms);

/* With --quick all rests, loads and numbers are smaller, so that whoever wants to know only that a
 * bench runs need not wait: a usual number, or a small one. A process runs benches of one kind. */
uint32_t bench_number(uint32_t usual, uint32_t quick);
uint64_t bench_load_ns(uint64_t usual_ns); /* a tenth of it */
/* load_run() for so long. */
MF_CHECKED mf_err bench_load(const struct load_plan *plan, struct load_result *result,
                             struct mf_why *why);

/* 0 … count-1 in an order that is the same in every run of the same count. */
void bench_shuffle(uint32_t *order, uint32_t count);

/* What `cold` does, for whatever programs the subjects have: starts of each, in turn, a
 * sample for each; took_us: one for each subject. */
MF_CHECKED mf_err bench_cold_starts(struct bench_run *run, uint32_t starts, struct samples *took_us,
                                    struct mf_why *why);

/* Until nothing of the instances made runs: a deploy starts its function once, to freeze it, and that may
 * end after its answer. MF_EEXIST: something still does after ten seconds. MF_EDENIED: processes hide
 * from this user what they map. */
MF_CHECKED mf_err bench_await_cold(struct subject *subject, struct mf_why *why);

/* What `burst` does with a subject once: count instances that never ran, all asked at once; a sample
 * more of each. They have ended when it returns. */
struct bench_answers {
    struct samples last_us, mean_us;
};
MF_CHECKED mf_err bench_one_burst(struct bench_run *run, struct subject *subject, uint32_t count,
                                  enum subject_content content, struct bench_answers *answers,
                                  struct mf_why *why);

/* Samples, or the number the command line asked for. */
uint32_t bench_samples(const struct bench_run *run, uint32_t usual);

#endif
