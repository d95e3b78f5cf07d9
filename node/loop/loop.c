/*
 * loop.c: turns, and the sleep between them.
 * Guarantees: the loop sleeps only when a round of work found nothing, its timers are set
 * and its inbox is empty; descriptors get their turn after TURN_NS_MAX, whatever is left.
 * Leaves to others: the work. Owns libuv's loop, the watcher, the inbox.
 */
#include "node/loop/loop.h"

#include "base/clock.h"

#define ROUNDS_PER_TURN 64
#define TURN_NS_MAX (2 * MF_NS_PER_MS) /* then descriptors get their turn, whatever is left to do */

static void turn(uv_prepare_t *handle);
static void again(uv_idle_t *handle);
static void watched(uv_poll_t *handle, int status, int events);
static void alarm_rang(uv_timer_t *handle);
static void close_handle(uv_handle_t *handle, void *context);

mf_err loop_open(struct loop *loop, const struct loop_parts *parts, void *owner,
                 struct mf_why *why)
{
    *loop = (struct loop){.parts = parts,
                          .owner = owner,
                          .now_ns = mf_monotonic_ns(),
                          .alarm_ns = TIMER_NEVER,
                          .watcher = {.fd = -1}};
    if (uv_loop_init(&loop->uv) != 0)
        return mf_why(why, MF_EIO, "libuv gives no event loop");
    loop->open = true;
    loop->uv.data = loop;
    mf_err err = watcher_open(&loop->watcher);
    if (err)
        return mf_why(why, err, "no epoll descriptor: %s", mf_err_words(err));
    (void)uv_prepare_init(&loop->uv, &loop->turn);
    (void)uv_prepare_start(&loop->turn, turn);
    (void)uv_idle_init(&loop->uv, &loop->again);
    (void)uv_timer_init(&loop->uv, &loop->alarm);
    if (uv_poll_init(&loop->uv, &loop->watcher_poll, loop->watcher.fd) != 0 ||
        uv_poll_start(&loop->watcher_poll, UV_READABLE, watched) != 0 ||
        inbox_open(&loop->inbox, &loop->uv) != MF_OK)
        return mf_why(why, MF_EIO, "libuv watches no descriptor");
    return MF_OK;
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void loop_close(struct loop *loop)
{
    if (!loop->open)
        return;
    uv_walk(&loop->uv, close_handle, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    watcher_close(&loop->watcher);
    (void)uv_loop_close(&loop->uv);
    loop->open = false;
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* One round; true: there may be more to do. */
static bool round_of(struct loop *loop)
{
    loop->now_ns = mf_monotonic_ns();
    bool more = inbox_take(&loop->inbox);
    more |= timers_fire(&loop->timers, loop->now_ns);
    more |= loop->parts->work(loop->owner);
    return more || !loop->parts->rest(loop->owner) || !inbox_sleep(&loop->inbox);
}

/* libuv's clock has milliseconds: round up, so that what is due is due. */
static void set_alarm(struct loop *loop)
{
    uint64_t next_ns = timers_next(&loop->timers);
    if (next_ns == loop->alarm_ns)
        return;
    loop->alarm_ns = next_ns;
    if (next_ns == TIMER_NEVER) {
        (void)uv_timer_stop(&loop->alarm);
        return;
    }
    uint64_t now_ns = mf_monotonic_ns();
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    uv_update_time(&loop->uv);
    (void)uv_timer_start(&loop->alarm, alarm_rang, (wait_ns + MF_NS_PER_MS - 1) / MF_NS_PER_MS, 0);
}

static void turn(uv_prepare_t *handle)
{
    struct loop *loop = handle->loop->data;
    uint64_t began_ns = mf_monotonic_ns();
    int rounds = 0;
    bool cut = false;
    while (!cut && round_of(loop))
        cut = ++rounds == ROUNDS_PER_TURN || loop->now_ns - began_ns >= TURN_NS_MAX;
    if (cut)
        (void)uv_idle_start(&loop->again, again);
    else
        (void)uv_idle_stop(&loop->again);
    loop->parts->over(loop->owner);
    set_alarm(loop);
}

static void again(uv_idle_t *handle)
{
    (void)handle; /* that it is active keeps the loop from waiting */
}

static void watched(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct loop *loop = handle->loop->data;
    loop->now_ns = mf_monotonic_ns();
    watcher_run(&loop->watcher);
}

static void alarm_rang(uv_timer_t *handle)
{
    struct loop *loop = handle->loop->data;
    loop->alarm_ns = TIMER_NEVER; /* the turn that follows fires what is due */
}
