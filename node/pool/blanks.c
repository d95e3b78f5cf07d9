/*
 * blanks.c: confined monitors that know no function yet.
 * Guarantees: so many of each kind in use are made again soon after one was taken, but
 * not while a burst of starts goes on; half of them are kept for functions that have no instance,
 * and are made again even then: whoever starts one after the other waits for the spawner, nobody
 * else behind him. One that dies waiting costs nothing but itself.
 * Leaves to others: the spawner (spawner_link.c), instances (pool.c). Loop thread only.
 */
#include "node/pool/blanks.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/pool/fair.h"
#include "node/pool/overdue.h"
#include "node/node.h"

#define BLANK_TRIES 3

static mf_err make_blank(struct pool *pool, struct shelf *shelf, struct instance **instance,
                         struct mf_why *why);
static mf_err watch_instance(struct instance *instance);

/* So many are for first instances, if there is more than one function. */
static uint32_t kept(const struct pool *pool, const struct shelf *shelf)
{
    return pool->node->registry.count > 1 ? shelf_least(shelf, pool->blanks_wanted) / 2 : 0;
}

/* The older one is, the sooner it is ready. */
static struct instance *oldest_after(const struct shelf *shelf, uint32_t left)
{
    struct link *at = shelf->blanks.next;
    for (uint32_t i = 0; i < left; i++)
        at = at->next;
    return list_of(at, struct instance, link);
}

/* A blank that has taken the image of version; one that has died meanwhile is replaced. */
mf_err blanks_take(struct pool *pool, const struct function *function, const struct version *version,
                   const struct start *start, struct instance **instance, struct mf_why *why)
{
    struct shelf *shelf = version->shelf ? version->shelf : &pool->shelf[version->sandbox];
    uint32_t left = function_live(function) > 0 ? kept(pool, shelf) : 0;
    mf_err err = MF_EDEAD;
    for (int i = 0; i < BLANK_TRIES && err == MF_EDEAD; i++) {
        struct instance *made = NULL;
        if (shelf->count <= left) {
            err = make_blank(pool, shelf, &made, why);
            if (err)
                return err;
        }
        if (!made)
            made = oldest_after(shelf, left);
        list_remove(&made->link);
        shelf->count--;
        made->nice = fair_nice_of_share(version);
        err = start ? blanks_order(made, version, start, why) : MF_OK;
        *instance = made;
        if (!err)
            return MF_OK;
        blank_kill(&made->blank);
        pool_bury(made, NULL);
    }
    return err;
}

mf_err blanks_order(struct instance *instance, const struct version *version,
                    const struct start *start, struct mf_why *why)
{
    const struct settings *settings = &version->settings;
    const struct start_order order = {
        .flags = start->flags | (settings->jit ? MF_START_JIT : 0),
        .image_fd = version->image.fd,
        .snapshot_fd = start->snapshot_fd,
        .pagemap_fd = start->pagemap_fd,
        .touched_fd = start->touched_fd,
        .window_bytes = version->window_bytes,
        .nice = instance->nice,
        .env = settings->guest_env,
        .env_bytes = settings->guest_env_bytes,
        .env_count = settings->guest_env_count,
    };
    instance->start_flags = start->flags;
    return blank_start(&instance->blank, &order, why);
}

/* As many as the last bursts of starts would have used, within bounds. */
static uint32_t wanted(const struct pool *pool, const struct shelf *shelf, uint64_t now_ns)
{
    const uint32_t least = shelf_least(shelf, pool->blanks_wanted);
    const uint32_t most = shelf_most(shelf, pool->blanks_wanted, pool->blanks_bytes);
    uint32_t expected = burst_expected(&shelf->burst, now_ns);
    if (!shelf->in_use)
        return 0;
    if (expected > most)
        expected = most;
    return expected > least ? expected : least;
}

static void drop_one(const struct shelf *shelf)
{
    struct instance *oldest = list_of(shelf->blanks.next, struct instance, link);
    blank_kill(&oldest->blank);
    pool_bury(oldest, NULL);
}

static bool in_burst(const struct pool *pool, uint64_t now_ns)
{
    return pool->started_ns && now_ns < pool->started_ns + MF_BLANK_REFILL_MS * MF_NS_PER_MS;
}

/* False: none can be made now. The next start tries again. */
static bool adjust(struct pool *pool, struct shelf *shelf, uint64_t now_ns)
{
    struct mf_why why = {{0}};
    const uint32_t least = kept(pool, shelf);
    uint32_t count = wanted(pool, shelf, now_ns);
    if (in_burst(pool, now_ns))
        count = shelf->count > least || !count ? shelf->count : least;
    while (shelf->count > count)
        drop_one(shelf);
    while (shelf->count < count) {
        struct instance *instance;
        mf_err err = make_blank(pool, shelf, &instance, &why);
        if (!err)
            continue;
        mf_log(MF_LOG_WARN, "blank.failed", "sandbox=%s why=\"%s\"", sandbox_name(shelf->sandbox),
               mf_why_text(&why, err));
        return false;
    }
    return true;
}

void blanks_taken(struct pool *pool)
{
    uint64_t now_ns = pool->node->loop.now_ns, at_ns = now_ns + MF_BLANK_REFILL_MS * MF_NS_PER_MS;
    pool->started_ns = now_ns;
    if (!pool->refill.armed || pool->refill.at_ns > at_ns)
        timer_set(&pool->node->loop.timers, &pool->refill, at_ns);
}

void blanks_refill(struct timer *timer, uint64_t now_ns)
{
    struct pool *pool = list_of(timer, struct pool, refill);
    uint64_t again_ns = TIMER_NEVER;
    if (pool->spawner.fd < 0 || pool->closing)
        return;
    for (uint32_t i = MF_SANDBOX_PROCESS; i < SHELVES; i++) {
        struct shelf *shelf = &pool->shelf[i];
        if (!adjust(pool, shelf, now_ns))
            return;
        uint64_t falls_ns = burst_falls_ns(&shelf->burst, now_ns);
        if (shelf->count > shelf_least(shelf, pool->blanks_wanted) && falls_ns < again_ns)
            again_ns = falls_ns; /* else nothing would change: an idle pool has no timer */
    }
    if (in_burst(pool, now_ns))
        again_ns = now_ns + MF_BLANK_REFILL_MS * MF_NS_PER_MS;
    timer_set(&pool->node->loop.timers, &pool->refill, again_ns);
}

/* A blank at the end of the pool's list. */
static mf_err make_blank(struct pool *pool, struct shelf *shelf, struct instance **instance,
                         struct mf_why *why)
{
    const struct blank_fit *fit = shelf_is_usual(shelf) ? NULL : &shelf->fit;
    if (pool->spawner.fd < 0)
        return mf_why(why, MF_EDEAD, "the spawner is not running; it is being started again");
    if (pool->count >= MF_INSTANCES_NODE_MAX)
        return mf_why(why, MF_EFULL, "%u instances live here, the most this node allows",
                      pool->count);
    struct instance *made = malloc(sizeof *made);
    if (!made)
        return mf_why(why, MF_ENOMEM, "no memory for an instance");
    instance_init(made, pool->node->loop.now_ns);
    made->pool = pool;
    made->shelf = shelf;
    made->timer.fire = overdue_fire;
    mf_err err =
        blank_open(&pool->spawner, ++pool->last_id, shelf->sandbox, fit, &made->blank, why);
    if (err) {
        free(made);
        return err;
    }
    list_append(&pool->by_id[made->blank.id % POOL_BUCKETS], &made->by_id);
    pool->count++;
    err = watch_instance(made);
    if (err) {
        blank_kill(&made->blank);
        pool_bury(made, NULL);
        return mf_why(why, err, "no more descriptors can be watched");
    }
    list_append(&shelf->blanks, &made->link);
    shelf->count++;
    *instance = made;
    return MF_OK;
}

/* As monitor/common/start.c adds it up: from the node's own, which its children have. */
int blanks_nice(const struct instance *instance)
{
    int own = getpriority(PRIO_PROCESS, 0); /* an error reads as -1 */
    int nice = (own > 0 ? own : 0) + instance->nice;
    return nice < MF_NICE_MAX ? nice : MF_NICE_MAX;
}

static mf_err watch_instance(struct instance *instance)
{
    struct watcher *watcher = &instance->pool->node->loop.watcher;
    mf_err err = watch_add(watcher, &instance->bell, instance->blank.bell, EPOLLIN | EPOLLET,
                           pool_bell);
    if (!err)
        err = watch_add(watcher, &instance->console_watch, instance->blank.console, EPOLLIN,
                        pool_console_ready);
    return err;
}
