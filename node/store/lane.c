/* lane.c: see lane.h. */
#include "node/store/lane.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"

mf_err lane_start(struct lane *lane, void *(*work)(void *), void *owner)
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    lane->owner = owner;
    link_init(&lane->waiting);
    if (pthread_condattr_init(&attributes) != 0)
        return MF_ENOMEM;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&lane->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&lane->lock, NULL);
    (void)sigfillset(&all); /* signals are the loop's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    lane->runs = pthread_create(&lane->thread, NULL, work, lane) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (lane->runs)
        return MF_OK;
    (void)pthread_cond_destroy(&lane->wake);
    (void)pthread_mutex_destroy(&lane->lock);
    return MF_ENOMEM;
}

void lane_end(struct lane *lane)
{
    if (!lane->runs)
        return;
    (void)pthread_mutex_lock(&lane->lock);
    lane->stop = true;
    (void)pthread_cond_signal(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
    (void)pthread_join(lane->thread, NULL);
    (void)pthread_cond_destroy(&lane->wake);
    (void)pthread_mutex_destroy(&lane->lock);
    lane->runs = false;
}

void lane_put(struct lane *lane, struct store_op *op)
{
    (void)pthread_mutex_lock(&lane->lock);
    bool first = list_empty(&lane->waiting);
    list_append(&lane->waiting, &op->link);
    if (first)
        (void)pthread_cond_signal(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
}

static struct timespec when(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / MF_NS_PER_S), .tv_nsec = (long)(ns % MF_NS_PER_S)};
}

void lane_take(struct lane *lane, uint64_t until_ns, struct link *batch, bool *stop)
{
    struct timespec until = when(until_ns);
    (void)pthread_mutex_lock(&lane->lock);
    while (list_empty(&lane->waiting) && !lane->stop) {
        if (!until_ns)
            (void)pthread_cond_wait(&lane->wake, &lane->lock);
        else if (pthread_cond_timedwait(&lane->wake, &lane->lock, &until) != 0)
            break;
    }
    for (unsigned i = 0; i < MF_STORE_BATCH_MAX && !list_empty(&lane->waiting); i++)
        list_append(batch, lane->waiting.next);
    *stop = lane->stop && list_empty(batch); /* nothing is added any more */
    (void)pthread_mutex_unlock(&lane->lock);
}
