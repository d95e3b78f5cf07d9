/*
 * metrics.c: counters as text (Prometheus exposition format 0.0.4). OpenFaaS's names
 * first, so that its dashboards work (two of them break the naming rules that promtool
 * checks for their types, and stay untyped); our own start with mayfly_.
 */
#include "node/metrics/metrics.h"

#include <stdlib.h>

#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/metrics/memory.h"
#include "node/shard.h"

#define PSS_SAMPLES_MAX 64 /* instances looked at in one scrape, over all functions */

struct writer {
    struct mf_buf *out;
    struct shard *shard;
    mf_err err;
    unsigned samples_left;
};

typedef void (*each_function)(struct writer *writer, struct function *function);

#define put(writer, ...)                                            \
    do {                                                            \
        if (!(writer)->err)                                         \
            (writer)->err = mf_buf_printf((writer)->out, __VA_ARGS__); \
    } while (0)

static void family(struct writer *writer, const char *name, const char *type, const char *help);
static void functions(struct writer *writer, each_function each);
static void invocations(struct writer *writer, struct function *function);
static void durations(struct writer *writer, struct function *function);
static void started(struct writer *writer, struct function *function);
static void service_count(struct writer *writer, struct function *function);
static void cold_starts(struct writer *writer, struct function *function);
static void cold_start_durations(struct writer *writer, struct function *function);
static void starts(struct writer *writer, struct function *function);
static void page_faults(struct writer *writer, struct function *function);
static void resets(struct writer *writer, struct function *function);
static void reset_pages(struct writer *writer, struct function *function);
static void snapshot_bytes(struct writer *writer, struct function *function);
static void prewarms(struct writer *writer, struct function *function);
static void instances(struct writer *writer, struct function *function);
static void faults(struct writer *writer, struct function *function);
static void waiting(struct writer *writer, struct function *function);
static void memory(struct writer *writer, struct function *function);
static void cpu(struct writer *writer, struct function *function);
static void throttled(struct writer *writer, struct function *function);
static void node_gauges(struct writer *writer);

mf_err metrics_write(struct shard *shard, struct mf_buf *out)
{
    struct writer writer = {.out = out, .shard = shard, .samples_left = PSS_SAMPLES_MAX};
    static const struct {
        const char *name, *type, *help;
        each_function each;
    } table[] = {
        {"gateway_function_invocation_total", "counter", "Calls answered, by status code.",
         invocations},
        {"gateway_functions_seconds", "histogram", "Time from request to answer.", durations},
        {"gateway_function_invocation_started", "untyped", "Calls begun.", started},
        {"gateway_service_count", "untyped", "Instances that can take calls.", service_count},
        {"mayfly_cold_starts_total", "counter", "Instances that were started for a call.",
         cold_starts},
        {"mayfly_cold_start_seconds", "histogram",
         "Time from the start of an instance to its first answer.", cold_start_durations},
        {"mayfly_starts_total", "counter",
         "Instances that were started, by kind: booted, or restored from a snapshot.", starts},
        {"mayfly_instance_page_faults", "summary",
         "Page faults of instances that have ended, without reading.", page_faults},
        {"mayfly_reset_seconds", "histogram",
         "Time that the rollback of an instance to its snapshot took.", resets},
        {"mayfly_reset_pages", "summary", "Pages that a rollback brought back.", reset_pages},
        {"mayfly_snapshot_bytes", "gauge", "Disk space of the function's snapshot.",
         snapshot_bytes},
        {"mayfly_prewarms_total", "counter",
         "Instances that were started before a call, by keep_alive: hybrid.", prewarms},
        {"mayfly_instances", "gauge", "Instances, by state.", instances},
        {"mayfly_instance_faults_total", "counter",
         "Instances that ended otherwise than by being told to, by cause.", faults},
        {"mayfly_calls_waiting", "gauge", "Calls that wait for an instance.", waiting},
        {"mayfly_instance_memory_bytes", "gauge",
         "Proportional memory of instances, sampled, scaled to their number.", memory},
        {"mayfly_cpu_seconds_total", "counter", "Processor time of instances that have ended.",
         cpu},
        {"mayfly_throttled_seconds_total", "counter",
         "Time that instances were stopped by the function's CPU ceiling.", throttled},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        family(&writer, table[i].name, table[i].type, table[i].help);
        functions(&writer, table[i].each);
    }
    node_gauges(&writer);
    return writer.err;
}

struct MHD_Response *metrics_response(struct shard *shard)
{
    struct mf_buf out = {0};
    struct MHD_Response *response = NULL;
    if (metrics_write(shard, &out) == MF_OK)
        response = answer_text("text/plain; version=0.0.4", out.data, out.bytes);
    mf_buf_close(&out);
    return response;
}

static void family(struct writer *writer, const char *name, const char *type, const char *help)
{
    put(writer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

struct visit {
    struct writer *writer;
    each_function each;
};

static void visit_one(struct function *function, void *context)
{
    struct visit *visit = context;
    visit->each(visit->writer, function);
}

static void functions(struct writer *writer, each_function each)
{
    struct visit visit = {writer, each};
    registry_each(&writer->shard->registry, visit_one, &visit);
}

static void invocations(struct writer *writer, struct function *function)
{
    for (uint32_t status = 100; status < STATUS_CLASSES * 100; status++) {
        uint64_t count = count_of_status(&function->counters, status);
        if (count)
            put(writer, "gateway_function_invocation_total{function_name=\"%s\",code=\"%u\"} %llu\n",
                function->name, status, (unsigned long long)count);
    }
}

static void histogram(struct writer *writer, const char *name, const char *label,
                      const struct function *function, const struct histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < DURATION_BUCKET_COUNT; i++) {
        count += histogram->bucket[i];
        put(writer, "%s_bucket{%s=\"%s\",le=\"%g\"} %llu\n", name, label, function->name,
            histogram_bound_s(i), (unsigned long long)count);
    }
    put(writer, "%s_bucket{%s=\"%s\",le=\"+Inf\"} %llu\n", name, label, function->name,
        (unsigned long long)histogram->count);
    put(writer, "%s_sum{%s=\"%s\"} %.9f\n", name, label, function->name,
        (double)histogram->sum_ns / 1e9);
    put(writer, "%s_count{%s=\"%s\"} %llu\n", name, label, function->name,
        (unsigned long long)histogram->count);
}

static void durations(struct writer *writer, struct function *function)
{
    histogram(writer, "gateway_functions_seconds", "function_name", function,
              &function->counters.duration);
}

static void started(struct writer *writer, struct function *function)
{
    put(writer, "gateway_function_invocation_started{function_name=\"%s\"} %llu\n", function->name,
        (unsigned long long)function->counters.started);
}

static void service_count(struct writer *writer, struct function *function)
{
    put(writer, "gateway_service_count{function_name=\"%s\"} %u\n", function->name,
        function_live(function));
}

static void cold_starts(struct writer *writer, struct function *function)
{
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox < SANDBOXES; sandbox++)
        put(writer, "mayfly_cold_starts_total{function=\"%s\",sandbox=\"%s\"} %llu\n",
            function->name, sandbox_name(sandbox),
            (unsigned long long)function->counters.cold_starts[sandbox]);
}

static void cold_start_durations(struct writer *writer, struct function *function)
{
    histogram(writer, "mayfly_cold_start_seconds", "function", function,
              &function->counters.cold_start);
}

static void starts(struct writer *writer, struct function *function)
{
    const uint64_t *count = function->counters.starts;
    put(writer, "mayfly_starts_total{function=\"%s\",kind=\"boot\"} %llu\n", function->name,
        (unsigned long long)count[false]);
    put(writer, "mayfly_starts_total{function=\"%s\",kind=\"restore\"} %llu\n", function->name,
        (unsigned long long)count[true]);
}

static void summary(struct writer *writer, const char *name, const struct function *function,
                    uint64_t sum, uint64_t count)
{
    put(writer, "%s_sum{function=\"%s\"} %llu\n", name, function->name, (unsigned long long)sum);
    put(writer, "%s_count{function=\"%s\"} %llu\n", name, function->name,
        (unsigned long long)count);
}

static void page_faults(struct writer *writer, struct function *function)
{
    summary(writer, "mayfly_instance_page_faults", function, function->counters.faults_taken,
            function->counters.ended);
}

static void resets(struct writer *writer, struct function *function)
{
    if (function->counters.reset.count) /* most functions have none */
        histogram(writer, "mayfly_reset_seconds", "function", function, &function->counters.reset);
}

static void reset_pages(struct writer *writer, struct function *function)
{
    if (function->counters.reset.count)
        summary(writer, "mayfly_reset_pages", function, function->counters.reset_pages,
                function->counters.reset.count);
}

static void snapshot_bytes(struct writer *writer, struct function *function)
{
    const struct version *version = function->version;
    if (version && version->snapshot.state == SNAPSHOT_READY)
        put(writer, "mayfly_snapshot_bytes{function=\"%s\"} %llu\n", function->name,
            (unsigned long long)version->snapshot.facts.disk_bytes);
}

static void prewarms(struct writer *writer, struct function *function)
{
    put(writer, "mayfly_prewarms_total{function=\"%s\"} %llu\n", function->name,
        (unsigned long long)function->counters.prewarms);
}

static void instances(struct writer *writer, struct function *function)
{
    for (enum instance_state state = INSTANCE_FREEZING; state < INSTANCE_STATES; state++)
        put(writer, "mayfly_instances{function=\"%s\",state=\"%s\"} %u\n", function->name,
            instance_state_name(state), function->in_state[state]);
}

static void faults(struct writer *writer, struct function *function)
{
    const struct fault_count *fault;
    for (unsigned i = 0; (fault = count_of_fault(&function->counters, i)) != NULL; i++)
        put(writer, "mayfly_instance_faults_total{function=\"%s\",cause=\"%s\"} %llu\n",
            function->name, fault->cause, (unsigned long long)fault->count);
}

static void waiting(struct writer *writer, struct function *function)
{
    put(writer, "mayfly_calls_waiting{function=\"%s\"} %u\n", function->name, function->queued);
}

static void memory(struct writer *writer, struct function *function)
{
    uint64_t bytes = memory_function_bytes(function, &writer->samples_left);
    if (bytes || function_live(function) == 0) /* else it cannot be told now */
        put(writer, "mayfly_instance_memory_bytes{function=\"%s\"} %llu\n", function->name,
            (unsigned long long)bytes);
}

static void cpu(struct writer *writer, struct function *function)
{
    put(writer, "mayfly_cpu_seconds_total{function=\"%s\"} %.6f\n", function->name,
        (double)function->counters.retired_cpu_ns / 1e9);
}

static void throttled(struct writer *writer, struct function *function)
{
    put(writer, "mayfly_throttled_seconds_total{function=\"%s\"} %.3f\n", function->name,
        (double)function->ceiling.throttled_ns / 1e9);
}

static void count_snapshot(struct function *function, void *context)
{
    uint32_t *count = context;
    if (function->version)
        count[function->version->snapshot.state]++;
}

static void snapshots(struct writer *writer)
{
    uint32_t count[SNAPSHOT_READY + 1] = {0};
    registry_each(&writer->shard->registry, count_snapshot, count);
    family(writer, "mayfly_snapshots", "gauge", "Functions, by the state of their snapshots.");
    for (enum snapshot_state state = SNAPSHOT_NONE; state <= SNAPSHOT_READY; state++)
        put(writer, "mayfly_snapshots{state=\"%s\"} %u\n", snapshot_state_name(state),
            count[state]);
}

static void node_gauges(struct writer *writer)
{
    const struct shard *shard = writer->shard;
    snapshots(writer);
    family(writer, "mayfly_blanks", "gauge", "Confined monitors kept ready for starts.");
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox < SANDBOXES; sandbox++)
        put(writer, "mayfly_blanks{sandbox=\"%s\"} %u\n", sandbox_name(sandbox),
            shard->pool.blank_count[sandbox]);
    family(writer, "mayfly_node_resident_bytes", "gauge", "Resident memory of the daemon itself.");
    put(writer, "mayfly_node_resident_bytes %llu\n", (unsigned long long)memory_resident_bytes());
    family(writer, "mayfly_buffered_bytes", "gauge", "Bodies of requests and replies held.");
    put(writer, "mayfly_buffered_bytes %llu\n", (unsigned long long)shard->budget.used);
    family(writer, "mayfly_connections", "gauge", "Open connections of the gateway.");
    put(writer, "mayfly_connections %u\n", shard->gateway.server.clients);
}
