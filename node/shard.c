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
#include "node/functions/function.h"
#include "node/pool/dispatch.h"

#define ROUNDS_PER_TURN 64
#define TURN_NS_MAX (2 * MF_NS_PER_MS) /* then descriptors get their turn, whatever is left to do */

static void turn(uv_prepare_t *handle);
static void again(uv_idle_t *handle);
static void watched(uv_poll_t *handle, int status, int events);
static void alarm_rang(uv_timer_t *handle);
static void signalled(uv_signal_t *handle, int number);
static void stop_at_last(struct timer *timer, uint64_t now_ns);
static mf_err open_loop(struct shard *shard, struct mf_why *why);
static bool work(struct shard *shard);
static void set_alarm(struct shard *shard);

mf_err shard_open(struct shard *shard, const struct options *options, struct mf_why *why)
{
    shard->options = options;
    shard->now_ns = mf_monotonic_ns();
    shard->started_at_ns = mf_realtime_ns();
    shard->alarm_ns = TIMER_NEVER;
    shard->budget.limit = (uint64_t)options->buffered_mib << 20;
    shard->stop_timer.fire = stop_at_last;
    registry_init(&shard->registry);
    logs_init(&shard->logs, shard, -1);
    mf_err err = open_loop(shard, why);
    if (err)
        return err;
    shard->open = true;
    err = state_dir_open(options->state_dir, &shard->api.state, why);
    if (err)
        return err;
    shard->logs.dir_fd = shard->api.state.logs_fd;
    err = gateway_open(&shard->gateway, shard, why);
    if (!err)
        err = pool_open(&shard->pool, shard, options->spawner, options->blanks, why);
    if (err)
        return err;
    shard->api.rules = (struct deploy_rules){.state = &shard->api.state,
                                             .min_sandbox = options->min_sandbox};
    spawner_support(&shard->pool.spawner, &shard->api.rules.support);
    freezer_open(&shard->freezer, shard);
    deploy_restore(shard, &shard->api.rules);
    (void)malloc_trim(0); /* what reading them took is not needed again */
    return api_open(&shard->api, shard, why);
}

static mf_err open_loop(struct shard *shard, struct mf_why *why)
{
    if (uv_loop_init(&shard->loop) != 0)
        return mf_why(why, MF_EIO, "libuv gives no event loop");
    mf_err err = watcher_open(&shard->watcher);
    if (err)
        return mf_why(why, err, "no epoll descriptor: %s", mf_err_words(err));
    (void)uv_prepare_init(&shard->loop, &shard->turn);
    (void)uv_prepare_start(&shard->turn, turn);
    (void)uv_idle_init(&shard->loop, &shard->again);
    (void)uv_timer_init(&shard->loop, &shard->alarm);
    (void)uv_signal_init(&shard->loop, &shard->signals[0]);
    (void)uv_signal_init(&shard->loop, &shard->signals[1]);
    if (uv_poll_init(&shard->loop, &shard->watcher_poll, shard->watcher.fd) != 0 ||
        uv_poll_start(&shard->watcher_poll, UV_READABLE, watched) != 0 ||
        uv_signal_start(&shard->signals[0], signalled, SIGTERM) != 0 ||
        uv_signal_start(&shard->signals[1], signalled, SIGINT) != 0)
        return mf_why(why, MF_EIO, "libuv watches no descriptor or signal");
    shard->loop.data = shard;
    return MF_OK;
}

int shard_run(struct shard *shard)
{
    (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
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

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void shard_close(struct shard *shard)
{
    if (!shard->open)
        return;
    shard->stopping = true;
    freezer_quiet(&shard->freezer);
    while (shard->api.jobs > 0 || shard->image_checks > 0 || freezer_busy(&shard->freezer)) /* short, and their files must not be half-written */
        (void)uv_run(&shard->loop, UV_RUN_ONCE);
    if (shard->pool.shard)
        pool_close(&shard->pool);
    freezer_close(&shard->freezer);
    registry_each(&shard->registry, refuse_waiting, NULL);
    gateway_close(&shard->gateway);
    api_close(&shard->api);
    registry_each(&shard->registry, remove_function, &shard->registry);
    registry_close(&shard->registry);
    timer_stop(&shard->timers, &shard->stop_timer);
    state_dir_close(&shard->api.state);
    uv_walk(&shard->loop, close_handle, NULL);
    (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
    watcher_close(&shard->watcher);
    (void)uv_loop_close(&shard->loop);
    shard->open = false;
}

static void turn(uv_prepare_t *handle)
{
    struct shard *shard = handle->loop->data;
    uint64_t began_ns = mf_monotonic_ns();
    int rounds = 0;
    bool cut = false;
    while (!cut && work(shard))
        cut = ++rounds == ROUNDS_PER_TURN || shard->now_ns - began_ns >= TURN_NS_MAX;
    if (cut)
        (void)uv_idle_start(&shard->again, again);
    else
        (void)uv_idle_stop(&shard->again);
    http_server_sleep(&shard->gateway.server);
    http_server_sleep(&shard->api.local);
    http_server_sleep(&shard->api.remote);
    set_alarm(shard);
    if (shard->stopping && shard->api.jobs == 0 && !http_server_busy(&shard->gateway.server) &&
        !http_server_busy(&shard->api.local) && !http_server_busy(&shard->api.remote))
        uv_stop(&shard->loop);
}

/* One round; true: there may be more to do. */
static bool work(struct shard *shard)
{
    shard->now_ns = mf_monotonic_ns();
    bool more = timers_fire(&shard->timers, shard->now_ns);
    more |= http_server_run(&shard->gateway.server);
    more |= http_server_run(&shard->api.local);
    more |= http_server_run(&shard->api.remote);
    more |= pool_turn(&shard->pool);
    pool_ring(&shard->pool);
    if (more)
        return true;
    logs_flush(&shard->logs); /* may have woken readers */
    if (shard->gateway.server.ready || shard->api.local.ready || shard->api.remote.ready)
        return true;
    return !pool_sleep(&shard->pool);
}

static void again(uv_idle_t *handle)
{
    (void)handle; /* that it is active keeps the loop from waiting */
}

static void watched(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct shard *shard = handle->loop->data;
    shard->now_ns = mf_monotonic_ns();
    watcher_run(&shard->watcher);
}

static void alarm_rang(uv_timer_t *handle)
{
    struct shard *shard = handle->loop->data;
    shard->alarm_ns = TIMER_NEVER; /* the turn that follows fires what is due */
}

/* libuv's clock has milliseconds: round up, so that what is due is due. */
static void set_alarm(struct shard *shard)
{
    uint64_t next_ns = timers_next(&shard->timers);
    if (next_ns == shard->alarm_ns)
        return;
    shard->alarm_ns = next_ns;
    if (next_ns == TIMER_NEVER) {
        (void)uv_timer_stop(&shard->alarm);
        return;
    }
    uint64_t now_ns = mf_monotonic_ns();
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    uv_update_time(&shard->loop);
    (void)uv_timer_start(&shard->alarm, alarm_rang, (wait_ns + MF_NS_PER_MS - 1) / MF_NS_PER_MS, 0);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct shard *shard = handle->loop->data;
    if (shard->stops++ > 0) {
        mf_log(MF_LOG_WARN, "node.stops", "signal=%d how=at-once", number);
        shard->exit_code = 1;
        uv_stop(&shard->loop);
        return;
    }
    mf_log(MF_LOG_INFO, "node.stops", "signal=%d calls=%u", number, shard->gateway.server.waiting);
    shard->stopping = true;
    http_server_quiet(&shard->gateway.server);
    api_quiet(&shard->api);
    timer_set(&shard->timers, &shard->stop_timer,
              mf_monotonic_ns() + MF_STOP_MS_MAX * MF_NS_PER_MS);
}

static void stop_at_last(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    struct shard *shard = list_of(timer, struct shard, stop_timer);
    mf_log(MF_LOG_WARN, "node.stops", "calls=%u how=unfinished", shard->gateway.server.waiting);
    uv_stop(&shard->loop);
}
