/* of_node.c: see of_node.h. */
#include "node/metrics/of_node.h"

#include "node/functions/function.h"
#include "node/metrics/memory.h"
#include "node/node.h"

static void snapshots(struct metrics_text *text, struct node *node);

void of_node(struct metrics_text *text, struct node *node)
{
    snapshots(text, node);
    text_family(text, "mayfly_blanks", "gauge", "Confined monitors kept ready for starts.");
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox < SANDBOXES; sandbox++)
        text_put(text, "mayfly_blanks{sandbox=\"%s\"} %u\n", sandbox_name(sandbox),
                 pool_blanks(&node->pool, sandbox));
    text_family(text, "mayfly_operations_total", "counter",
                "What running functions asked of the node, by what it came to.");
    for (unsigned kind = 1; kind < MF_OPERATION_END; kind++)
        for (unsigned result = 0; result < MF_RESULT_COUNT; result++)
            if (node->operations.counts[kind][result])
                text_put(text, "mayfly_operations_total{operation=\"%s\",result=\"%s\"} %llu\n",
                         operation_name((enum mf_operation)kind),
                         operation_word((enum mf_result_error)result),
                         (unsigned long long)node->operations.counts[kind][result]);
    text_family(text, "mayfly_node_resident_bytes", "gauge", "Resident memory of the daemon itself.");
    text_put(text, "mayfly_node_resident_bytes %llu\n", (unsigned long long)memory_resident_bytes());
    text_family(text, "mayfly_buffered_bytes", "gauge", "Bodies of requests and replies held.");
    text_put(text, "mayfly_buffered_bytes %llu\n", (unsigned long long)atomic_load(&node->budget.used));
    text_family(text, "mayfly_egress_requests_total", "counter", "Requests to the outside that have ended.");
    text_put(text, "mayfly_egress_requests_total{outcome=\"answered\"} %llu\n",
             (unsigned long long)(node->egress.sent - node->egress.failed));
    text_put(text, "mayfly_egress_requests_total{outcome=\"failed\"} %llu\n",
             (unsigned long long)node->egress.failed);
    text_family(text, "mayfly_callbacks_total", "counter", "Callbacks (X-Callback-Url), by how they ended.");
    text_put(text, "mayfly_callbacks_total{outcome=\"sent\"} %llu\n",
             (unsigned long long)node->callbacks.sent);
    text_put(text, "mayfly_callbacks_total{outcome=\"lost\"} %llu\n",
             (unsigned long long)node->callbacks.lost);
    text_family(text, "mayfly_connections", "gauge", "Open connections of the gateway.");
    text_put(text, "mayfly_connections %u\n", entrance_clients(&node->entrance));
    if (!text->err)
        text->err = mqtt_metrics(&node->mqtt, text->out);
}

static void count_snapshot(struct function *function, void *context)
{
    uint32_t *count = context;
    if (function->version)
        count[function->version->snapshot.state]++;
}

static void snapshots(struct metrics_text *text, struct node *node)
{
    uint32_t count[SNAPSHOT_READY + 1] = {0};
    registry_each(&node->registry, count_snapshot, count);
    text_family(text, "mayfly_snapshots", "gauge", "Functions, by the state of their snapshots.");
    for (enum snapshot_state state = SNAPSHOT_NONE; state <= SNAPSHOT_READY; state++)
        text_put(text, "mayfly_snapshots{state=\"%s\"} %u\n", snapshot_state_name(state),
                 count[state]);
}
