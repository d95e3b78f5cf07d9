/*
 * shard.c: the event loop.
 * Guarantees: the loop sleeps only when nothing is left to do; with no call running and
 * no client connected it does not wake up.
 * Leaves to others: everything it calls. Owns what struct shard holds.
 */
#include "node/shard.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/egress/serve.h"
#include "node/functions/function.h"
#include "node/gateway/tls.h"
#include "node/mqtt/serve.h"
#include "node/pool/dispatch.h"

static void signalled(uv_signal_t *handle, int number);
static void renew(uv_signal_t *handle, int number);
static void stop_at_last(struct timer *timer, uint64_t now_ns);
static mf_err watch_signals(struct shard *shard, struct mf_why *why);
static bool work(void *owner);
static bool rest(void *owner);
static void over(void *owner);
static void left(struct http_server *server);
static const struct loop_parts parts = {work, rest, over};

mf_err shard_open(struct shard *shard, const struct options *options, struct mf_why *why)
{
    shard->options = options;
    shard->started_at_ns = mf_realtime_ns();
    shard->budget.limit = (uint64_t)options->buffered_mib << 20;
    shard->stop_timer.fire = stop_at_last;
    registry_init(&shard->registry);
    workflows_init(&shard->workflows);
    reception_init(&shard->reception);
    logs_init(&shard->logs, shard, -1);
    mf_err err = loop_open(&shard->loop, &parts, shard, why);
    if (!err)
        err = watch_signals(shard, why);
    if (err) {
        loop_close(&shard->loop);
        return err;
    }
    shard->open = true;
    err = state_dir_open(options->state_dir, &shard->api.state, why);
    if (err)
        return err;
    shard->logs.dir_fd = shard->api.state.logs_fd;
    egress_open(&shard->egress, &shard->loop, &shard->budget, options->egress_ca, options->secrets_dir);
    fairness_open(&shard->fairness, shard);
    usage_open(&shard->usage, shard);
    if (options->tls_cert[0])
        err = tls_open(options->tls_cert, options->tls_key, why);
    if (err)
        return err;
    err = gateway_open(&shard->gateway, &shard->loop, shard, &intake_direct, left, why);
    if (!err)
        err = entrance_open(&shard->entrance, shard, why);
    if (!err)
        egress_own_port(&shard->egress, shard->entrance.port);
    if (!err)
        err = pool_open(&shard->pool, shard, options->spawner, options->blanks, why);
    if (err)
        return err;
    shard->api.rules = (struct deploy_rules){.state = &shard->api.state,
                                             .min_sandbox = options->min_sandbox};
    spawner_support(&shard->pool.spawner, &shard->api.rules.support);
    freezer_open(&shard->freezer, shard);
    operations_open(&shard->operations, shard);
    egress_serve(shard);
    mqtt_serve(shard);
    err = delivery_open(&shard->delivery, shard, why);
    if (!err)
        err = callbacks_open(&shard->callbacks, shard, why);
    if (!err)
        err = mqtt_open(&shard->mqtt, shard, why);
    if (err)
        return err;
    deploy_restore(shard, &shard->api.rules);
    (void)malloc_trim(0); /* what reading them took is not needed again */
    err = api_open(&shard->api, shard, why);
    if (!err && shard->api.port)
        egress_own_port(&shard->egress, shard->api.port);
    if (!err)
        err = triggering_open(&shard->triggering, shard, why);
    if (!err) {
        delivery_begin(&shard->delivery);
        triggering_begin(&shard->triggering);
        mqtt_begin(&shard->mqtt);
    }
    if (!err)
        usage_restore(&shard->usage);
    return err;
}

static mf_err watch_signals(struct shard *shard, struct mf_why *why)
{
    static const int number[3] = {SIGTERM, SIGINT, SIGHUP};
    for (int i = 0; i < 3; i++) {
        (void)uv_signal_init(&shard->loop.uv, &shard->signals[i]);
        if (number[i] == SIGHUP && !shard->options->tls_cert[0])
            continue; /* a terminal that closes ends the node */
        if (uv_signal_start(&shard->signals[i], number[i] == SIGHUP ? renew : signalled,
                            number[i]) != 0)
            return mf_why(why, MF_EIO, "libuv watches no signals");
        shard->signals[i].data = shard;
    }
    return MF_OK;
}

int shard_run(struct shard *shard)
{
    loop_run(&shard->loop);
    return shard->exit_code;
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

void shard_close(struct shard *shard)
{
    if (!shard->open)
        return;
    shard->stopping = true;
    freezer_quiet(&shard->freezer);
    triggering_quiet(&shard->triggering);
    mqtt_quiet(&shard->mqtt);
    delivery_quiet(&shard->delivery);
    callbacks_quiet(&shard->callbacks);
    entrance_quiet(&shard->entrance);
    while (shard->api.jobs > 0 || shard->image_checks > 0 || freezer_busy(&shard->freezer)) /* short, and their files must not be half-written */
        (void)uv_run(&shard->loop.uv, UV_RUN_ONCE);
    usage_save(&shard->usage); /* while instances can be asked */
    if (shard->pool.shard)
        pool_close(&shard->pool);
    freezer_close(&shard->freezer);
    registry_each(&shard->registry, refuse_waiting, NULL);
    operations_close(&shard->operations);
    triggering_close(&shard->triggering);
    egress_close(&shard->egress); /* who still waits for an answer gets none: callbacks */
    callbacks_close(&shard->callbacks);
    usage_save(&shard->usage);
    mqtt_close(&shard->mqtt);
    delivery_close(&shard->delivery); /* answers what gateways and the API still ask the store */
    reception_close(&shard->reception);
    entrance_close(&shard->entrance);
    gateway_close(&shard->gateway);
    api_close(&shard->api);
    registry_each(&shard->registry, remove_function, &shard->registry);
    registry_close(&shard->registry);
    usage_close(&shard->usage);
    workflows_close(&shard->workflows);
    timer_stop(&shard->loop.timers, &shard->stop_timer);
    tls_close();
    state_dir_close(&shard->api.state);
    loop_close(&shard->loop);
    shard->open = false;
}

static bool work(void *owner)
{
    struct shard *shard = owner;
    bool more = http_server_run(&shard->gateway.server);
    more |= http_server_run(&shard->api.local);
    more |= http_server_run(&shard->api.remote);
    more |= reception_turn(&shard->reception);
    more |= mqtt_turn(&shard->mqtt);
    more |= delivery_turn(&shard->delivery);
    more |= pool_turn(&shard->pool);
    pool_ring(&shard->pool);
    entrance_wake(&shard->entrance);
    return more;
}

static bool rest(void *owner)
{
    struct shard *shard = owner;
    logs_flush(&shard->logs); /* may have woken readers */
    if (shard->gateway.server.ready || shard->api.local.ready || shard->api.remote.ready ||
        delivery_due(&shard->delivery) || mqtt_due(&shard->mqtt))
        return false;
    return pool_sleep(&shard->pool);
}

static void over(void *owner)
{
    struct shard *shard = owner;
    http_server_sleep(&shard->gateway.server);
    http_server_sleep(&shard->api.local);
    http_server_sleep(&shard->api.remote);
    if (shard->stopping && shard->api.jobs == 0 && delivery_rests(&shard->delivery) &&
        callbacks_rest(&shard->callbacks) && mqtt_rests(&shard->mqtt) &&
        entrance_rests(&shard->entrance) &&
        !http_server_busy(&shard->gateway.server) &&
        !http_server_busy(&shard->api.local) && !http_server_busy(&shard->api.remote))
        loop_stop(&shard->loop);
}

static void left(struct http_server *server)
{
    entrance_left(&list_of(server, struct shard, gateway.server)->entrance);
}

static void renew(uv_signal_t *handle, int number)
{
    struct mf_why why = {{0}};
    const struct shard *shard = handle->data;
    mf_err err = tls_reload(&why);
    (void)number;
    if (err)
        mf_log(MF_LOG_ERROR, "tls.kept", "why=\"%s\"", mf_why_text(&why, err));
    else
        mf_log(MF_LOG_INFO, "tls.renewed", "file=%s", shard->options->tls_cert);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct shard *shard = handle->data;
    if (shard->stops++ > 0) {
        mf_log(MF_LOG_WARN, "node.stops", "signal=%d how=at-once", number);
        shard->exit_code = 1;
        loop_stop(&shard->loop);
        return;
    }
    mf_log(MF_LOG_INFO, "node.stops", "signal=%d calls=%u", number, entrance_waiting(&shard->entrance));
    shard->stopping = true;
    triggering_quiet(&shard->triggering);
    mqtt_quiet(&shard->mqtt);
    delivery_quiet(&shard->delivery);
    callbacks_quiet(&shard->callbacks);
    entrance_quiet(&shard->entrance);
    api_quiet(&shard->api);
    timer_set(&shard->loop.timers, &shard->stop_timer,
              mf_monotonic_ns() + MF_STOP_MS_MAX * MF_NS_PER_MS);
}

static void stop_at_last(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    struct shard *shard = list_of(timer, struct shard, stop_timer);
    mf_log(MF_LOG_WARN, "node.stops", "calls=%u how=unfinished", entrance_waiting(&shard->entrance));
    loop_stop(&shard->loop);
}
