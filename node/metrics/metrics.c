/*
 * metrics.c: counters as text (Prometheus exposition format 0.0.4). OpenFaaS's names
 * first, so that its dashboards work (two of them break the naming rules that promtool
 * checks for their types, and stay untyped); our own start with mayfly_.
 */
#include "node/metrics/metrics.h"

#include <stdlib.h>

#include "node/functions/function.h"
#include "node/gateway/stream.h"
#include "node/metrics/memory.h"
#include "node/metrics/usage.h"
#include "node/node.h"

#define CONTENT_TYPE "text/plain; version=0.0.4"
#define SILENT_PER_PIECE 64 /* functions passed over before something else gets its turn */
#define PSS_SAMPLES_MAX 64  /* instances looked at in one scrape, over all functions */

struct metrics_writer {
    struct mf_buf *out;
    struct node *node;
    mf_err err;
    unsigned samples_left;
    size_t family;                 /* that is being written           */
    bool named;                    /* its head is                     */
    struct registry_cursor cursor; /* the function that comes next    */
};

typedef void (*each_function)(struct metrics_writer *writer, struct function *function);

#define put(writer, ...)                                            \
    do {                                                            \
        if (!(writer)->err)                                         \
            (writer)->err = mf_buf_printf((writer)->out, __VA_ARGS__); \
    } while (0)

static void family(struct metrics_writer *writer, const char *name, const char *type, const char *help);
static void invocations(struct metrics_writer *writer, struct function *function);
static void durations(struct metrics_writer *writer, struct function *function);
static void started(struct metrics_writer *writer, struct function *function);
static void service_count(struct metrics_writer *writer, struct function *function);
static void cold_starts(struct metrics_writer *writer, struct function *function);
static void cold_start_durations(struct metrics_writer *writer, struct function *function);
static void starts(struct metrics_writer *writer, struct function *function);
static void prepared_pages(struct metrics_writer *writer, struct function *function);
static void page_faults(struct metrics_writer *writer, struct function *function);
static void resets(struct metrics_writer *writer, struct function *function);
static void reset_pages(struct metrics_writer *writer, struct function *function);
static void snapshot_bytes(struct metrics_writer *writer, struct function *function);
static void prewarms(struct metrics_writer *writer, struct function *function);
static void instances(struct metrics_writer *writer, struct function *function);
static void faults(struct metrics_writer *writer, struct function *function);
static void waiting(struct metrics_writer *writer, struct function *function);
static void memory(struct metrics_writer *writer, struct function *function);
static void cpu(struct metrics_writer *writer, struct function *function);
static void throttled(struct metrics_writer *writer, struct function *function);
static void queue_depth(struct metrics_writer *writer, struct function *function);
static void queue_dead(struct metrics_writer *writer, struct function *function);
static void deliveries(struct metrics_writer *writer, struct function *function);
static void usage_events(struct metrics_writer *writer, struct function *function);
static void usage_run(struct metrics_writer *writer, struct function *function);
static void usage_memory(struct metrics_writer *writer, struct function *function);
static void usage_cold_starts(struct metrics_writer *writer, struct function *function);
static void usage_cpu(struct metrics_writer *writer, struct function *function);
static void node_gauges(struct metrics_writer *writer);

/* of_all: of functions, too, that nobody has called and that never ran; with many
 * functions most are such, and a sample of each for each family would drown the others. */
static const struct {
    const char *name, *type, *help;
    each_function each;
    bool of_all;
} families[] = {
    {"gateway_function_invocation_total", "counter", "Calls answered, by status code.",
     invocations, false},
    {"gateway_functions_seconds", "histogram", "Time from request to answer.", durations, false},
    {"gateway_function_invocation_started", "untyped", "Calls begun.", started, true},
    {"gateway_service_count", "untyped", "Instances that can take calls.", service_count, true},
    {"mayfly_cold_starts_total", "counter", "Instances that were started for a call.",
     cold_starts, false},
    {"mayfly_cold_start_seconds", "histogram",
     "Time from the start of an instance to its first answer.", cold_start_durations, false},
    {"mayfly_starts_total", "counter",
     "Instances that were started, by kind: booted, or restored from a snapshot.", starts, false},
    {"mayfly_prepared_pages_total", "counter",
     "Pages made ready in restored instances, since a first event is known to touch them.",
     prepared_pages, false},
    {"mayfly_instance_page_faults", "summary",
     "Page faults of instances that have ended, without reading.", page_faults, false},
    {"mayfly_reset_seconds", "histogram",
     "Time that the rollback of an instance to its snapshot took.", resets, false},
    {"mayfly_reset_pages", "summary", "Pages that a rollback brought back.", reset_pages, false},
    {"mayfly_snapshot_bytes", "gauge", "Disk space of the function's snapshot.",
     snapshot_bytes, true},
    {"mayfly_prewarms_total", "counter",
     "Instances that were started before a call, by keep_alive: hybrid.", prewarms, false},
    {"mayfly_instances", "gauge", "Instances, by state.", instances, false},
    {"mayfly_instance_faults_total", "counter",
     "Instances that ended otherwise than by being told to, by cause.", faults, false},
    {"mayfly_calls_waiting", "gauge", "Calls that wait for an instance.", waiting, false},
    {"mayfly_instance_memory_bytes", "gauge",
     "Proportional memory of instances, sampled, scaled to their number.", memory, false},
    {"mayfly_cpu_seconds_total", "counter", "Processor time of instances that have ended.",
     cpu, false},
    {"mayfly_throttled_seconds_total", "counter",
     "Time that instances were stopped by the function's CPU ceiling.", throttled, false},
    {"mayfly_queue_depth", "gauge", "Asynchronous calls that have not ended.", queue_depth, true},
    {"mayfly_queue_dead", "gauge", "Dead letters.", queue_dead, true},
    {"mayfly_deliveries_total", "counter", "Attempts at asynchronous calls, by how they ended.",
     deliveries, true},
    {"mayfly_usage_events_total", "counter", "Events that instances began, in all lives of the node.",
     usage_events, false},
    {"mayfly_usage_run_seconds_total", "counter", "Time that they took there, starts included.",
     usage_run, false},
    {"mayfly_usage_memory_mib_seconds_total", "counter",
     "Memory of an instance, in MiB, times the time that they took.", usage_memory, false},
    {"mayfly_usage_cold_starts_total", "counter", "Instances that were started for them.",
     usage_cold_starts, false},
    {"mayfly_usage_cpu_seconds_total", "counter", "Processor time of the function's instances.",
     usage_cpu, false},
};
#define FAMILIES (sizeof families / sizeof families[0])

static bool was_heard_of(const struct function *function)
{
    const struct function_counters *counters = &function->counters;
    return counters->started || counters->starts[false] || counters->starts[true] ||
           counters->ended || count_of_fault(counters, 0) || function->in_state[INSTANCE_FREEZING] ||
           function->in_state[INSTANCE_REHEARSING];
}

/* The head of a family, or its samples of one function; at last what is of the node. */
mf_err metrics_more(struct metrics_writer *writer, struct mf_buf *out, bool *ended)
{
    writer->out = out;
    *ended = writer->family == FAMILIES;
    if (*ended) {
        node_gauges(writer);
        return writer->err;
    }
    if (!writer->named) {
        family(writer, families[writer->family].name, families[writer->family].type,
               families[writer->family].help);
        registry_cursor_close(&writer->cursor);
        registry_cursor_open(&writer->node->registry, &writer->cursor);
        writer->named = true;
    }
    for (unsigned i = 0; i < SILENT_PER_PIECE; i++) {
        struct function *function = registry_next(&writer->cursor);
        if (!function) {
            writer->family++;
            writer->named = false;
            break;
        }
        if (families[writer->family].of_all || was_heard_of(function)) {
            families[writer->family].each(writer, function);
            break;
        }
    }
    return writer->err;
}

void metrics_end(struct metrics_writer *writer)
{
    registry_cursor_close(&writer->cursor);
    free(writer);
}

struct metrics_writer *metrics_begin(struct node *node)
{
    struct metrics_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->node = node;
    writer->samples_left = PSS_SAMPLES_MAX;
    registry_cursor_open(&node->registry, &writer->cursor);
    return writer;
}

static mf_err more(void *source, struct mf_buf *out, bool *ended)
{
    return metrics_more(source, out, ended);
}

static void end(void *source)
{
    metrics_end(source);
}

struct MHD_Response *metrics_response(struct node *node)
{
    static const struct stream_maker maker = {more, end};
    return stream_response(CONTENT_TYPE, &maker, metrics_begin(node));
}

struct MHD_Response *metrics_whole(struct mf_buf *text)
{
    if (!text->data)
        return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text->bytes, text->data, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return NULL;
    *text = (struct mf_buf){0};
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, CONTENT_TYPE);
    return response;
}

static void family(struct metrics_writer *writer, const char *name, const char *type, const char *help)
{
    put(writer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void invocations(struct metrics_writer *writer, struct function *function)
{
    for (uint32_t status = 100; status < STATUS_CLASSES * 100; status++) {
        uint64_t count = count_of_status(&function->counters, status);
        if (count)
            put(writer, "gateway_function_invocation_total{function_name=\"%s\",code=\"%u\"} %llu\n",
                function->name, status, (unsigned long long)count);
    }
}

static void histogram(struct metrics_writer *writer, const char *name, const char *label,
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

static void durations(struct metrics_writer *writer, struct function *function)
{
    histogram(writer, "gateway_functions_seconds", "function_name", function,
              &function->counters.duration);
}

static void started(struct metrics_writer *writer, struct function *function)
{
    put(writer, "gateway_function_invocation_started{function_name=\"%s\"} %llu\n", function->name,
        (unsigned long long)function->counters.started);
}

static void service_count(struct metrics_writer *writer, struct function *function)
{
    put(writer, "gateway_service_count{function_name=\"%s\"} %u\n", function->name,
        function_live(function));
}

static void cold_starts(struct metrics_writer *writer, struct function *function)
{
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox < SANDBOXES; sandbox++)
        put(writer, "mayfly_cold_starts_total{function=\"%s\",sandbox=\"%s\"} %llu\n",
            function->name, sandbox_name(sandbox),
            (unsigned long long)function->counters.cold_starts[sandbox]);
}

static void cold_start_durations(struct metrics_writer *writer, struct function *function)
{
    histogram(writer, "mayfly_cold_start_seconds", "function", function,
              &function->counters.cold_start);
}

static void starts(struct metrics_writer *writer, struct function *function)
{
    const uint64_t *count = function->counters.starts;
    put(writer, "mayfly_starts_total{function=\"%s\",kind=\"boot\"} %llu\n", function->name,
        (unsigned long long)count[false]);
    put(writer, "mayfly_starts_total{function=\"%s\",kind=\"restore\"} %llu\n", function->name,
        (unsigned long long)count[true]);
}

static void prepared_pages(struct metrics_writer *writer, struct function *function)
{
    if (function->counters.prepared_pages) /* most functions have none */
        put(writer, "mayfly_prepared_pages_total{function=\"%s\"} %llu\n", function->name,
            (unsigned long long)function->counters.prepared_pages);
}

static void summary(struct metrics_writer *writer, const char *name, const struct function *function,
                    uint64_t sum, uint64_t count)
{
    put(writer, "%s_sum{function=\"%s\"} %llu\n", name, function->name, (unsigned long long)sum);
    put(writer, "%s_count{function=\"%s\"} %llu\n", name, function->name,
        (unsigned long long)count);
}

static void page_faults(struct metrics_writer *writer, struct function *function)
{
    summary(writer, "mayfly_instance_page_faults", function, function->counters.faults_taken,
            function->counters.ended);
}

static void resets(struct metrics_writer *writer, struct function *function)
{
    if (function->counters.reset.count) /* most functions have none */
        histogram(writer, "mayfly_reset_seconds", "function", function, &function->counters.reset);
}

static void reset_pages(struct metrics_writer *writer, struct function *function)
{
    if (function->counters.reset.count)
        summary(writer, "mayfly_reset_pages", function, function->counters.reset_pages,
                function->counters.reset.count);
}

static void snapshot_bytes(struct metrics_writer *writer, struct function *function)
{
    const struct version *version = function->version;
    if (version && version->snapshot.state == SNAPSHOT_READY)
        put(writer, "mayfly_snapshot_bytes{function=\"%s\"} %llu\n", function->name,
            (unsigned long long)version->snapshot.facts.disk_bytes);
}

static void prewarms(struct metrics_writer *writer, struct function *function)
{
    put(writer, "mayfly_prewarms_total{function=\"%s\"} %llu\n", function->name,
        (unsigned long long)function->counters.prewarms);
}

static void instances(struct metrics_writer *writer, struct function *function)
{
    for (enum instance_state state = INSTANCE_FREEZING; state < INSTANCE_STATES; state++)
        put(writer, "mayfly_instances{function=\"%s\",state=\"%s\"} %u\n", function->name,
            instance_state_name(state), function->in_state[state]);
}

static void faults(struct metrics_writer *writer, struct function *function)
{
    const struct fault_count *fault;
    for (unsigned i = 0; (fault = count_of_fault(&function->counters, i)) != NULL; i++)
        put(writer, "mayfly_instance_faults_total{function=\"%s\",cause=\"%s\"} %llu\n",
            function->name, fault->cause, (unsigned long long)fault->count);
}

static void waiting(struct metrics_writer *writer, struct function *function)
{
    put(writer, "mayfly_calls_waiting{function=\"%s\"} %u\n", function->name, function->queued);
}

static void memory(struct metrics_writer *writer, struct function *function)
{
    uint64_t bytes = memory_function_bytes(function, &writer->samples_left);
    if (bytes || function_live(function) == 0) /* else it cannot be told now */
        put(writer, "mayfly_instance_memory_bytes{function=\"%s\"} %llu\n", function->name,
            (unsigned long long)bytes);
}

static void cpu(struct metrics_writer *writer, struct function *function)
{
    put(writer, "mayfly_cpu_seconds_total{function=\"%s\"} %.6f\n", function->name,
        (double)function->counters.retired_cpu_ns / 1e9);
}

static void throttled(struct metrics_writer *writer, struct function *function)
{
    put(writer, "mayfly_throttled_seconds_total{function=\"%s\"} %.3f\n", function->name,
        (double)function->ceiling.throttled_ns / 1e9);
}

/* Of functions that have a queue, as this node has counted. */
static void queue_depth(struct metrics_writer *writer, struct function *function)
{
    if (function->consumer)
        put(writer, "mayfly_queue_depth{function=\"%s\"} %llu\n", function->name,
            (unsigned long long)function->consumer->stat.count);
}

static void queue_dead(struct metrics_writer *writer, struct function *function)
{
    if (function->consumer)
        put(writer, "mayfly_queue_dead{function=\"%s\"} %llu\n", function->name,
            (unsigned long long)function->consumer->stat.dead_count);
}

static void deliveries(struct metrics_writer *writer, struct function *function)
{
    static const char *const word[] = {
#define WORD(NAME, word) [OUTCOME_##NAME] = word,
        DELIVERY_OUTCOMES(WORD)
#undef WORD
    };
    for (unsigned i = 0; function->consumer && i < OUTCOME_COUNT; i++)
        put(writer, "mayfly_deliveries_total{function=\"%s\",outcome=\"%s\"} %llu\n",
            function->name, word[i], (unsigned long long)function->consumer->outcomes[i]);
}

static void usage(struct metrics_writer *writer, const struct function *function, const char *name,
                  double value)
{
    put(writer, "%s{function=\"%s\",tenant=\"%s\"} %.6f\n", name, function->name,
        function->usage->tenant, value);
}

static void usage_events(struct metrics_writer *writer, struct function *function)
{
    if (function->usage)
        put(writer, "mayfly_usage_events_total{function=\"%s\",tenant=\"%s\"} %llu\n", function->name,
            function->usage->tenant, (unsigned long long)function->usage->counts.events);
}

static void usage_run(struct metrics_writer *writer, struct function *function)
{
    if (function->usage)
        usage(writer, function, "mayfly_usage_run_seconds_total",
              (double)function->usage->counts.run_ns / 1e9);
}

static void usage_memory(struct metrics_writer *writer, struct function *function)
{
    if (function->usage)
        usage(writer, function, "mayfly_usage_memory_mib_seconds_total",
              (double)function->usage->counts.memory_mib_us / 1e6);
}

static void usage_cold_starts(struct metrics_writer *writer, struct function *function)
{
    if (function->usage)
        put(writer, "mayfly_usage_cold_starts_total{function=\"%s\",tenant=\"%s\"} %llu\n",
            function->name, function->usage->tenant,
            (unsigned long long)function->usage->counts.cold_starts);
}

static void usage_cpu(struct metrics_writer *writer, struct function *function)
{
    if (function->usage)
        usage(writer, function, "mayfly_usage_cpu_seconds_total",
              (double)usage_look(function->usage)->cpu_ns / 1e9);
}

static void count_snapshot(struct function *function, void *context)
{
    uint32_t *count = context;
    if (function->version)
        count[function->version->snapshot.state]++;
}

static void snapshots(struct metrics_writer *writer)
{
    uint32_t count[SNAPSHOT_READY + 1] = {0};
    registry_each(&writer->node->registry, count_snapshot, count);
    family(writer, "mayfly_snapshots", "gauge", "Functions, by the state of their snapshots.");
    for (enum snapshot_state state = SNAPSHOT_NONE; state <= SNAPSHOT_READY; state++)
        put(writer, "mayfly_snapshots{state=\"%s\"} %u\n", snapshot_state_name(state),
            count[state]);
}

static void node_gauges(struct metrics_writer *writer)
{
    const struct node *node = writer->node;
    snapshots(writer);
    family(writer, "mayfly_blanks", "gauge", "Confined monitors kept ready for starts.");
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox < SANDBOXES; sandbox++)
        put(writer, "mayfly_blanks{sandbox=\"%s\"} %u\n", sandbox_name(sandbox),
            pool_blanks(&node->pool, sandbox));
    family(writer, "mayfly_operations_total", "counter",
           "What running functions asked of the node, by what it came to.");
    for (unsigned kind = 1; kind < MF_OPERATION_END; kind++)
        for (unsigned result = 0; result < MF_RESULT_COUNT; result++)
            if (node->operations.counts[kind][result])
                put(writer, "mayfly_operations_total{operation=\"%s\",result=\"%s\"} %llu\n",
                    operation_name((enum mf_operation)kind),
                    operation_word((enum mf_result_error)result),
                    (unsigned long long)node->operations.counts[kind][result]);
    family(writer, "mayfly_node_resident_bytes", "gauge", "Resident memory of the daemon itself.");
    put(writer, "mayfly_node_resident_bytes %llu\n", (unsigned long long)memory_resident_bytes());
    family(writer, "mayfly_buffered_bytes", "gauge", "Bodies of requests and replies held.");
    put(writer, "mayfly_buffered_bytes %llu\n", (unsigned long long)atomic_load(&node->budget.used));
    family(writer, "mayfly_egress_requests_total", "counter", "Requests to the outside that have ended.");
    put(writer, "mayfly_egress_requests_total{outcome=\"answered\"} %llu\n",
        (unsigned long long)(node->egress.sent - node->egress.failed));
    put(writer, "mayfly_egress_requests_total{outcome=\"failed\"} %llu\n",
        (unsigned long long)node->egress.failed);
    family(writer, "mayfly_callbacks_total", "counter", "Callbacks (X-Callback-Url), by how they ended.");
    put(writer, "mayfly_callbacks_total{outcome=\"sent\"} %llu\n",
        (unsigned long long)node->callbacks.sent);
    put(writer, "mayfly_callbacks_total{outcome=\"lost\"} %llu\n",
        (unsigned long long)node->callbacks.lost);
    family(writer, "mayfly_connections", "gauge", "Open connections of the gateway.");
    put(writer, "mayfly_connections %u\n", entrance_clients(&node->entrance));
    if (!writer->err)
        writer->err = mqtt_metrics(&node->mqtt, writer->out);
}
