/*
 * node.c: the event loop.
 * Guarantees: the loop sleeps only when nothing is left to do; with no call running and
 * no client connected it does not wake up.
 * Leaves to others: everything it calls. Owns what struct node holds.
 */
#include "node/node.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/egress/serve.h"
#include "node/functions/function.h"
#include "node/functions/records.h"
#include "node/gateway/tls.h"
#include "node/mqtt/serve.h"
#include "node/pool/dispatch.h"

static void signalled(uv_signal_t *handle, int number);
static void renew(uv_signal_t *handle, int number);
static void stop_at_last(struct timer *timer, uint64_t now_ns);
static mf_err watch_signals(struct node *node, struct mf_why *why);
static bool work(void *owner);
static bool rest(void *owner);
static void over(void *owner);
static void left(struct http_server *server);
static mf_err open_loop(struct node *node, struct mf_why *why);
static mf_err open_state(struct node *node, struct mf_why *why);
static mf_err open_doors(struct node *node, struct mf_why *why);
static mf_err open_services(struct node *node, struct mf_why *why);
static mf_err restore_and_begin(struct node *node, struct mf_why *why);
static const struct loop_parts parts = {work, rest, over};

/* In the order in which each needs those before it; node_close() knows how to end any half of them. */
mf_err node_open(struct node *node, const struct options *options, struct mf_why *why)
{
    node->options = options;
    mf_err err = open_loop(node, why);
    if (!err)
        err = open_state(node, why);
    if (!err)
        err = open_doors(node, why);
    if (!err)
        err = open_services(node, why);
    if (!err)
        err = restore_and_begin(node, why);
    return err;
}

static mf_err open_loop(struct node *node, struct mf_why *why)
{
    node->started_at_ns = mf_realtime_ns();
    node->budget.limit = (uint64_t)node->options->buffered_mib << 20;
    node->stop_timer.fire = stop_at_last;
    registry_init(&node->registry);
    workflows_init(&node->workflows);
    reception_init(&node->reception);
    logs_init(&node->logs, node, -1);
    mf_err err = loop_open(&node->loop, &parts, node, why);
    if (!err)
        err = watch_signals(node, why);
    if (err)
        loop_close(&node->loop);
    else
        node->open = true;
    return err;
}

static mf_err open_state(struct node *node, struct mf_why *why)
{
    const struct options *options = node->options;
    mf_err err = state_dir_open(options->state_dir, &node->api.state, why);
    if (err)
        return err;
    node->logs.dir_fd = node->api.state.logs_fd;
    egress_open(&node->egress, &node->loop, &node->budget, options->egress_ca, options->secrets_dir);
    streaming_open(&node->streaming, node);
    fairness_open(&node->fairness, node);
    usage_open(&node->usage, node);
    return options->tls_cert[0] ? tls_open(options->tls_cert, options->tls_key, why) : MF_OK;
}

/* To clients, and to instances. */
static mf_err open_doors(struct node *node, struct mf_why *why)
{
    const struct options *options = node->options;
    mf_err err = gateway_open(&node->gateway, &node->loop, node, &intake_direct, left, why);
    if (!err)
        err = entrance_open(&node->entrance, node, why);
    if (!err)
        egress_own_port(&node->egress, node->entrance.port);
    if (!err)
        err = pool_open(&node->pool, node, options->spawner, options->blanks, why);
    return err;
}

static mf_err open_services(struct node *node, struct mf_why *why)
{
    node->api.rules = (struct deploy_rules){.state = &node->api.state,
                                             .min_sandbox = node->options->min_sandbox,
                                             .egress = &node->egress};
    spawner_support(&node->pool.spawner, &node->api.rules.support);
    freezer_open(&node->freezer, node);
    operations_open(&node->operations, node);
    egress_serve(node);
    mqtt_serve(node);
    mf_err err = delivery_open(&node->delivery, node, why);
    if (!err)
        err = callbacks_open(&node->callbacks, node, why);
    if (!err)
        err = mqtt_open(&node->mqtt, node, why);
    return err;
}

/* What was deployed; then what calls functions. */
static mf_err restore_and_begin(struct node *node, struct mf_why *why)
{
    records_restore(node, &node->api.rules);
    (void)malloc_trim(0); /* what reading them took is not needed again */
    mf_err err = api_open(&node->api, node, why);
    if (!err && node->api.port)
        egress_own_port(&node->egress, node->api.port);
    if (!err)
        streaming_begin(&node->streaming); /* their ports, behind our own */
    if (!err)
        err = triggering_open(&node->triggering, node, why);
    if (err)
        return err;
    delivery_begin(&node->delivery);
    triggering_begin(&node->triggering);
    mqtt_begin(&node->mqtt);
    usage_restore(&node->usage);
    return MF_OK;
}

static mf_err watch_signals(struct node *node, struct mf_why *why)
{
    static const int number[3] = {SIGTERM, SIGINT, SIGHUP};
    for (int i = 0; i < 3; i++) {
        (void)uv_signal_init(&node->loop.uv, &node->signals[i]);
        if (number[i] == SIGHUP && !node->options->tls_cert[0])
            continue; /* a terminal that closes ends the node */
        if (uv_signal_start(&node->signals[i], number[i] == SIGHUP ? renew : signalled,
                            number[i]) != 0)
            return mf_why(why, MF_EIO, "libuv watches no signals");
        node->signals[i].data = node;
    }
    return MF_OK;
}

int node_run(struct node *node)
{
    loop_run(&node->loop);
    return node->exit_code;
}

static void refuse_waiting(struct function *function, void *context)
{
    (void)context;
    dispatch_refuse_all(function, &(struct outcome){.situation = SITUATION_STOPPING});
}

static void remove_function(struct function *function, void *context)
{
    registry_remove(context, function);
}

void node_close(struct node *node)
{
    if (!node->open)
        return;
    node->stopping = true;
    freezer_quiet(&node->freezer);
    triggering_quiet(&node->triggering);
    mqtt_quiet(&node->mqtt);
    delivery_quiet(&node->delivery);
    callbacks_quiet(&node->callbacks);
    entrance_quiet(&node->entrance);
    while (node->api.jobs > 0 || node->image_checks > 0 || freezer_busy(&node->freezer)) /* short, and their files must not be half-written */
        (void)uv_run(&node->loop.uv, UV_RUN_ONCE);
    usage_save(&node->usage); /* while instances can be asked */
    if (node->streaming.node)
        streaming_quiet(&node->streaming);
    if (node->pool.node)
        pool_close(&node->pool);
    streaming_close(&node->streaming);
    freezer_close(&node->freezer);
    registry_each(&node->registry, refuse_waiting, NULL);
    operations_close(&node->operations);
    triggering_close(&node->triggering);
    egress_close(&node->egress); /* who still waits for an answer gets none: callbacks */
    callbacks_close(&node->callbacks);
    usage_save(&node->usage);
    mqtt_close(&node->mqtt);
    delivery_close(&node->delivery); /* answers what gateways and the API still ask the store */
    reception_close(&node->reception);
    entrance_close(&node->entrance);
    gateway_close(&node->gateway);
    api_close(&node->api);
    registry_each(&node->registry, remove_function, &node->registry);
    registry_close(&node->registry);
    usage_close(&node->usage);
    workflows_close(&node->workflows);
    timer_stop(&node->loop.timers, &node->stop_timer);
    tls_close();
    state_dir_close(&node->api.state);
    loop_close(&node->loop);
    node->open = false;
}

static bool work(void *owner)
{
    struct node *node = owner;
    bool more = http_server_run(&node->gateway.server);
    more |= http_server_run(&node->api.local);
    more |= http_server_run(&node->api.remote);
    more |= reception_turn(&node->reception);
    more |= mqtt_turn(&node->mqtt);
    more |= delivery_turn(&node->delivery);
    more |= pool_turn(&node->pool);
    pool_ring(&node->pool);
    entrance_wake(&node->entrance);
    return more;
}

static bool rest(void *owner)
{
    struct node *node = owner;
    logs_flush(&node->logs); /* may have woken readers */
    if (node->gateway.server.ready || node->api.local.ready || node->api.remote.ready ||
        delivery_due(&node->delivery) || mqtt_due(&node->mqtt))
        return false;
    return pool_sleep(&node->pool);
}

static void over(void *owner)
{
    struct node *node = owner;
    http_server_sleep(&node->gateway.server);
    http_server_sleep(&node->api.local);
    http_server_sleep(&node->api.remote);
    if (node->stopping && node->api.jobs == 0 && delivery_rests(&node->delivery) &&
        callbacks_rest(&node->callbacks) && mqtt_rests(&node->mqtt) &&
        entrance_rests(&node->entrance) &&
        !http_server_busy(&node->gateway.server) &&
        !http_server_busy(&node->api.local) && !http_server_busy(&node->api.remote))
        loop_stop(&node->loop);
}

static void left(struct http_server *server)
{
    entrance_left(&list_of(server, struct node, gateway.server)->entrance);
}

static void renew(uv_signal_t *handle, int number)
{
    struct mf_why why = {{0}};
    const struct node *node = handle->data;
    mf_err err = tls_reload(&why);
    (void)number;
    if (err)
        mf_log(MF_LOG_ERROR, "tls.kept", "why=\"%s\"", mf_why_text(&why, err));
    else
        mf_log(MF_LOG_INFO, "tls.renewed", "file=%s", node->options->tls_cert);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct node *node = handle->data;
    if (node->stops++ > 0) {
        mf_log(MF_LOG_WARN, "node.stops", "signal=%d how=at-once", number);
        node->exit_code = 1;
        loop_stop(&node->loop);
        return;
    }
    mf_log(MF_LOG_INFO, "node.stops", "signal=%d calls=%u", number, entrance_waiting(&node->entrance));
    node->stopping = true;
    streaming_quiet(&node->streaming);
    triggering_quiet(&node->triggering);
    mqtt_quiet(&node->mqtt);
    delivery_quiet(&node->delivery);
    callbacks_quiet(&node->callbacks);
    entrance_quiet(&node->entrance);
    api_quiet(&node->api);
    timer_set(&node->loop.timers, &node->stop_timer,
              mf_monotonic_ns() + MF_STOP_MS_MAX * MF_NS_PER_MS);
}

static void stop_at_last(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    struct node *node = list_of(timer, struct node, stop_timer);
    mf_log(MF_LOG_WARN, "node.stops", "calls=%u how=unfinished", entrance_waiting(&node->entrance));
    loop_stop(&node->loop);
}
