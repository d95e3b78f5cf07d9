/* node.c: GET /v1/node, /healthz, /metrics. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/api/request.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/metrics/memory.h"
#include "node/metrics/metrics.h"
#include "node/node.h"

void api_get_healthz(struct api_request *request)
{
    api_answer(request, 200, answer_text("text/plain", "ok\n", 3));
}

void api_get_metrics(struct api_request *request)
{
    api_answer(request, 200, metrics_response(request->api->node));
}

static json_t *sandbox_json(const struct sandbox_support *support, enum mf_sandbox sandbox)
{
    return json_pack("{s:b, s:s}", "usable", support->usable[sandbox], "why",
                     support->usable[sandbox] ? "it was tried, and works"
                                              : support->why[sandbox].text);
}

static void count_states(struct function *function, void *context)
{
    uint32_t *in_state = context;
    for (int i = 0; i < INSTANCE_STATES; i++)
        in_state[i] += function->in_state[i];
}

void api_get_node(struct api_request *request)
{
    struct node *node = request->api->node;
    const struct sandbox_support *support = &request->api->rules.support;
    const struct pool *pool = &node->pool;
    const char *host = node->options->listen.host;
    uint32_t in_state[INSTANCE_STATES] = {0};
    char address[HOST_BYTES_MAX + 32];
    registry_each(&node->registry, count_states, in_state);
    (void)snprintf(address, sizeof address, strchr(host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                   node->options->tls_cert[0] ? "https" : "http", host, (unsigned)node->entrance.port);
    json_t *body = json_pack(
        "{s:s, s:i, s:s, s:s, s:{s:o, s:o}, s:s, s:I, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, "
        "s:{s:i, s:i}}, s:o}",
        "version", MF_VERSION, "pid", (int)getpid(), "gateway", address, "state_dir",
        request->api->state.path, "sandboxes", "process", sandbox_json(support, MF_SANDBOX_PROCESS),
        "kvm", sandbox_json(support, MF_SANDBOX_KVM), "min_sandbox",
        sandbox_name(node->options->min_sandbox), "resident_bytes",
        (json_int_t)memory_resident_bytes(), "counts", "functions", (int)node->registry.count,
        "freezing", (int)in_state[INSTANCE_FREEZING], "rehearsing",
        (int)in_state[INSTANCE_REHEARSING], "restoring",
        (int)in_state[INSTANCE_RESTORING], "idle", (int)in_state[INSTANCE_IDLE], "busy",
        (int)in_state[INSTANCE_BUSY], "resetting", (int)in_state[INSTANCE_RESETTING], "draining",
        (int)in_state[INSTANCE_DRAINING],
        "blanks", "process", (int)pool_blanks(pool, MF_SANDBOX_PROCESS), "kvm",
        (int)pool_blanks(pool, MF_SANDBOX_KVM),
        "mqtt", mqtt_status(&node->mqtt));
    api_answer_json(request, 200, body);
}
