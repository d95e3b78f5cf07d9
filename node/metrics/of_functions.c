/*
 * of_functions.c: see of_functions.h. OpenFaaS's names first, so that its dashboards work (two
 * of them break the naming rules that promtool checks for their types, and stay untyped); our
 * own start with mayfly_.
 */
#include "node/metrics/of_functions.h"

#include "node/functions/function.h"
#include "node/metrics/memory.h"
#include "node/metrics/usage.h"
#include "node/node.h"

static void invocations(struct metrics_text *text, struct function *function);
static void durations(struct metrics_text *text, struct function *function);
static void started(struct metrics_text *text, struct function *function);
static void service_count(struct metrics_text *text, struct function *function);
static void cold_starts(struct metrics_text *text, struct function *function);
static void cold_start_durations(struct metrics_text *text, struct function *function);
static void starts(struct metrics_text *text, struct function *function);
static void prepared_pages(struct metrics_text *text, struct function *function);
static void page_faults(struct metrics_text *text, struct function *function);
static void resets(struct metrics_text *text, struct function *function);
static void reset_pages(struct metrics_text *text, struct function *function);
static void snapshot_bytes(struct metrics_text *text, struct function *function);
static void prewarms(struct metrics_text *text, struct function *function);
static void instances(struct metrics_text *text, struct function *function);
static void faults(struct metrics_text *text, struct function *function);
static void waiting(struct metrics_text *text, struct function *function);
static void memory(struct metrics_text *text, struct function *function);
static void cpu(struct metrics_text *text, struct function *function);
static void throttled(struct metrics_text *text, struct function *function);
static void queue_depth(struct metrics_text *text, struct function *function);
static void queue_dead(struct metrics_text *text, struct function *function);
static void deliveries(struct metrics_text *text, struct function *function);
static void usage_events(struct metrics_text *text, struct function *function);
static void usage_run(struct metrics_text *text, struct function *function);
static void usage_memory(struct metrics_text *text, struct function *function);
static void usage_cold_starts(struct metrics_text *text, struct function *function);
static void usage_cpu(struct metrics_text *text, struct function *function);

const struct metrics_family of_functions[] = {
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
const size_t of_functions_count = sizeof of_functions / sizeof of_functions[0];

static bool has_ours(const struct function *function)
{
    for (enum instance_state state = 0; state < INSTANCE_STATES; state++)
        if (instance_state_is_ours(state) && function->in_state[state])
            return true;
    return false;
}

static bool was_heard_of(const struct function *function);

bool of_functions_has(const struct metrics_family *family, const struct function *function)
{
    return family->of_all || was_heard_of(function);
}

static bool was_heard_of(const struct function *function)
{
    const struct function_counters *counters = &function->counters;
    return counters->started || counters->starts[false] || counters->starts[true] ||
           counters->ended || count_of_fault(counters, 0) || has_ours(function);
}

static void invocations(struct metrics_text *text, struct function *function)
{
    for (uint32_t status = 100; status < STATUS_CLASSES * 100; status++) {
        uint64_t count = count_of_status(&function->counters, status);
        if (count)
            text_put(text, "gateway_function_invocation_total{function_name=\"%s\",code=\"%u\"} %llu\n",
                     function->name, status, (unsigned long long)count);
    }
}

static void durations(struct metrics_text *text, struct function *function)
{
    text_histogram(text, "gateway_functions_seconds", "function_name", function,
                   &function->counters.duration);
}

static void started(struct metrics_text *text, struct function *function)
{
    text_put(text, "gateway_function_invocation_started{function_name=\"%s\"} %llu\n", function->name,
             (unsigned long long)function->counters.started);
}

static void service_count(struct metrics_text *text, struct function *function)
{
    text_put(text, "gateway_service_count{function_name=\"%s\"} %u\n", function->name,
             function_live(function));
}

static void cold_starts(struct metrics_text *text, struct function *function)
{
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox < SANDBOXES; sandbox++)
        text_put(text, "mayfly_cold_starts_total{function=\"%s\",sandbox=\"%s\"} %llu\n",
                 function->name, sandbox_name(sandbox),
                 (unsigned long long)function->counters.cold_starts[sandbox]);
}

static void cold_start_durations(struct metrics_text *text, struct function *function)
{
    text_histogram(text, "mayfly_cold_start_seconds", "function", function,
                   &function->counters.cold_start);
}

static void starts(struct metrics_text *text, struct function *function)
{
    const uint64_t *count = function->counters.starts;
    text_put(text, "mayfly_starts_total{function=\"%s\",kind=\"boot\"} %llu\n", function->name,
             (unsigned long long)count[false]);
    text_put(text, "mayfly_starts_total{function=\"%s\",kind=\"restore\"} %llu\n", function->name,
             (unsigned long long)count[true]);
}

static void prepared_pages(struct metrics_text *text, struct function *function)
{
    if (function->counters.prepared_pages) /* most functions have none */
        text_put(text, "mayfly_prepared_pages_total{function=\"%s\"} %llu\n", function->name,
                 (unsigned long long)function->counters.prepared_pages);
}

static void page_faults(struct metrics_text *text, struct function *function)
{
    text_summary(text, "mayfly_instance_page_faults", function, function->counters.faults_taken,
                 function->counters.ended);
}

static void resets(struct metrics_text *text, struct function *function)
{
    if (function->counters.reset.count) /* most functions have none */
        text_histogram(text, "mayfly_reset_seconds", "function", function, &function->counters.reset);
}

static void reset_pages(struct metrics_text *text, struct function *function)
{
    if (function->counters.reset.count)
        text_summary(text, "mayfly_reset_pages", function, function->counters.reset_pages,
                     function->counters.reset.count);
}

static void snapshot_bytes(struct metrics_text *text, struct function *function)
{
    const struct version *version = function->version;
    if (version && version->snapshot.state == SNAPSHOT_READY)
        text_put(text, "mayfly_snapshot_bytes{function=\"%s\"} %llu\n", function->name,
                 (unsigned long long)version->snapshot.facts.disk_bytes);
}

static void prewarms(struct metrics_text *text, struct function *function)
{
    text_put(text, "mayfly_prewarms_total{function=\"%s\"} %llu\n", function->name,
             (unsigned long long)function->counters.prewarms);
}

static void instances(struct metrics_text *text, struct function *function)
{
    for (enum instance_state state = INSTANCE_FREEZING; state < INSTANCE_STATES; state++)
        text_put(text, "mayfly_instances{function=\"%s\",state=\"%s\"} %u\n", function->name,
                 instance_state_name(state), function->in_state[state]);
}

static void faults(struct metrics_text *text, struct function *function)
{
    const struct fault_count *fault;
    for (unsigned i = 0; (fault = count_of_fault(&function->counters, i)) != NULL; i++)
        text_put(text, "mayfly_instance_faults_total{function=\"%s\",cause=\"%s\"} %llu\n",
                 function->name, fault->cause, (unsigned long long)fault->count);
}

static void waiting(struct metrics_text *text, struct function *function)
{
    text_put(text, "mayfly_calls_waiting{function=\"%s\"} %u\n", function->name, function->queued);
}

static void memory(struct metrics_text *text, struct function *function)
{
    uint64_t bytes = memory_function_bytes(function, &text->looks_left);
    if (bytes || function_live(function) == 0) /* else it cannot be told now */
        text_put(text, "mayfly_instance_memory_bytes{function=\"%s\"} %llu\n", function->name,
                 (unsigned long long)bytes);
}

static void cpu(struct metrics_text *text, struct function *function)
{
    text_put(text, "mayfly_cpu_seconds_total{function=\"%s\"} %.6f\n", function->name,
             (double)function->counters.retired_cpu_ns / 1e9);
}

static void throttled(struct metrics_text *text, struct function *function)
{
    text_put(text, "mayfly_throttled_seconds_total{function=\"%s\"} %.3f\n", function->name,
             (double)function->ceiling.throttled_ns / 1e9);
}

/* Of functions that have a queue, as this node has counted. */
static void queue_depth(struct metrics_text *text, struct function *function)
{
    if (function->consumer)
        text_put(text, "mayfly_queue_depth{function=\"%s\"} %llu\n", function->name,
                 (unsigned long long)function->consumer->stat.count);
}

static void queue_dead(struct metrics_text *text, struct function *function)
{
    if (function->consumer)
        text_put(text, "mayfly_queue_dead{function=\"%s\"} %llu\n", function->name,
                 (unsigned long long)function->consumer->stat.dead_count);
}

static void deliveries(struct metrics_text *text, struct function *function)
{
    static const char *const word[] = {
#define WORD(NAME, word) [OUTCOME_##NAME] = word,
        DELIVERY_OUTCOMES(WORD)
#undef WORD
    };
    for (unsigned i = 0; function->consumer && i < OUTCOME_COUNT; i++)
        text_put(text, "mayfly_deliveries_total{function=\"%s\",outcome=\"%s\"} %llu\n",
                 function->name, word[i], (unsigned long long)function->consumer->outcomes[i]);
}

static void usage(struct metrics_text *text, const struct function *function, const char *name,
                  double value)
{
    text_put(text, "%s{function=\"%s\",tenant=\"%s\"} %.6f\n", name, function->name,
             function->usage->tenant, value);
}

static void usage_events(struct metrics_text *text, struct function *function)
{
    if (function->usage)
        text_put(text, "mayfly_usage_events_total{function=\"%s\",tenant=\"%s\"} %llu\n", function->name,
                 function->usage->tenant, (unsigned long long)function->usage->counts.events);
}

static void usage_run(struct metrics_text *text, struct function *function)
{
    if (function->usage)
        usage(text, function, "mayfly_usage_run_seconds_total",
              (double)function->usage->counts.run_ns / 1e9);
}

static void usage_memory(struct metrics_text *text, struct function *function)
{
    if (function->usage)
        usage(text, function, "mayfly_usage_memory_mib_seconds_total",
              (double)function->usage->counts.memory_mib_us / 1e6);
}

static void usage_cold_starts(struct metrics_text *text, struct function *function)
{
    if (function->usage)
        text_put(text, "mayfly_usage_cold_starts_total{function=\"%s\",tenant=\"%s\"} %llu\n",
                 function->name, function->usage->tenant,
                 (unsigned long long)function->usage->counts.cold_starts);
}

static void usage_cpu(struct metrics_text *text, struct function *function)
{
    if (function->usage)
        usage(text, function, "mayfly_usage_cpu_seconds_total",
              (double)usage_look(function->usage)->cpu_ns / 1e9);
}
