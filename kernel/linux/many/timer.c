/*
 * timer.c: see timer.h.
 * Guarantees: a timer whose signal is still pending when it comes again sends no second one,
 * but counts (timer_getoverrun).
 * Leaves to others: timers of processor time, which are refused.
 * Owns the timers.
 */
#include <asm/errno.h>
#include <linux/signal.h>
#include <linux/time.h>

#include "kernel/core/heap.h"
#include "kernel/core/limits.h"
#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/many/timer.h"
#include "kernel/linux/time.h"
#include "kernel/task/deadline.h"
#include "kernel/task/task.h"

#define NS_PER_S 1000000000ull

struct timer {
    struct deadline deadline;
    uint64_t interval_ns; /* 0: once */
    uint64_t clock;
    int32_t tid; /* whom it signals; 0: the process */
    bool silent; /* SIGEV_NONE */
    uint32_t missed; /* since its signal was last taken, that one not counted */
    int32_t told;    /* of the signal that was last taken */
    struct siginfo info;
};

static struct timer *timers[TIMERS_MAX];
static void due(struct deadline *deadline);
static void start(struct timer *timer, uint64_t at_ns, uint64_t interval_ns);
static uint64_t left_ns(const struct timer *timer);
static struct timer **find(uint64_t id);
static int decode_event(uint64_t at, struct timer *timer);
static struct itimerspec spec_of(const struct timer *timer);

int64_t linux_timer_create(struct frame *frame)
{
    uint64_t clock = (uint32_t)frame_argument(frame, 0);
    uint64_t id_at = frame_argument(frame, 2);
    int32_t id = 0;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) {
        call_tell_option(frame, "clock", (uint32_t)clock);
        return -EINVAL;
    }
    while (id < TIMERS_MAX && timers[id])
        id++;
    struct timer made = {.clock = clock};
    int error = decode_event(frame_argument(frame, 1), &made);
    if (error)
        return error;
    struct timer *timer = id < TIMERS_MAX ? heap_take(sizeof *timer) : NULL;
    if (!timer)
        return -EAGAIN;
    made.info.si_code = SI_TIMER;
    made.info.si_tid = id;
    if (!frame_argument(frame, 1))
        made.info.si_value.sival_int = id;
    *timer = made;
    if (user_write(id_at, &id, sizeof id) != 0) {
        heap_give(timer, sizeof *timer);
        return -EFAULT;
    }
    timers[id] = timer;
    return 0;
}

int64_t linux_timer_settime(struct frame *frame)
{
    struct timer **timer = find(frame_argument(frame, 0));
    uint64_t new_at = frame_argument(frame, 2), old_at = frame_argument(frame, 3);
    uint64_t value_ns, interval_ns, now_ns;
    if (!timer)
        return -EINVAL;
    int error = time_read(new_at, &interval_ns);
    if (!error)
        error = time_read(new_at + sizeof(struct timespec), &value_ns);
    if (!error)
        error = time_clock((*timer)->clock, &now_ns);
    if (error)
        return error;
    struct itimerspec old = spec_of(*timer);
    if (value_ns && frame_argument(frame, 1) & TIMER_ABSTIME)
        value_ns = value_ns > now_ns ? value_ns - now_ns : 1;
    (*timer)->missed = 0;
    (*timer)->told = 0;
    start(*timer, value_ns ? time_monotonic() + value_ns : 0, interval_ns);
    return old_at ? user_write(old_at, &old, sizeof old) : 0;
}

int64_t linux_timer_gettime(struct frame *frame)
{
    struct timer **timer = find(frame_argument(frame, 0));
    if (!timer)
        return -EINVAL;
    struct itimerspec now = spec_of(*timer);
    return user_write(frame_argument(frame, 1), &now, sizeof now);
}

int64_t linux_timer_getoverrun(struct frame *frame)
{
    struct timer **timer = find(frame_argument(frame, 0));
    return timer ? (*timer)->told : -EINVAL;
}

static void end(struct timer **timer)
{
    struct task *task = (*timer)->tid ? task_find((*timer)->tid) : NULL;
    deadline_clear(&(*timer)->deadline);
    signal_drop(task, &(*timer)->info); /* its number will be another one's */
    heap_give(*timer, sizeof **timer);
    *timer = NULL;
}

int64_t linux_timer_delete(struct frame *frame)
{
    struct timer **timer = find(frame_argument(frame, 0));
    if (!timer)
        return -EINVAL;
    end(timer);
    return 0;
}

void timer_end_all(void)
{
    for (uint32_t id = 0; id < TIMERS_MAX; id++)
        if (timers[id])
            end(&timers[id]);
}

void timer_signal_taken(struct siginfo *info)
{
    struct timer **timer = info->si_code == SI_TIMER ? find((uint32_t)info->si_tid) : NULL;
    if (!timer || (*timer)->info.si_signo != info->si_signo)
        return;
    (*timer)->told = (int32_t)(*timer)->missed;
    (*timer)->missed = 0;
    info->si_overrun = (*timer)->told;
}

static void due(struct deadline *deadline)
{
    struct timer *timer = (struct timer *)deadline; /* its first member */
    struct task *task = timer->tid ? task_find(timer->tid) : NULL;
    uint64_t now_ns = time_monotonic(), late_ns = now_ns - deadline->at_ns;
    uint64_t missed = timer->interval_ns ? late_ns / timer->interval_ns : 0;
    if (timer->interval_ns)
        deadline_set(deadline, deadline->at_ns + (missed + 1) * timer->interval_ns);
    if (timer->silent || (timer->tid && !task))
        return;
    missed += signal_waits(task, &timer->info) || signal_send(task, &timer->info) != 0;
    timer->missed += missed > INT32_MAX - timer->missed ? INT32_MAX - timer->missed : (uint32_t)missed;
}

/* at_ns 0: not at all. */
static void start(struct timer *timer, uint64_t at_ns, uint64_t interval_ns)
{
    timer->deadline.due = due;
    timer->interval_ns = interval_ns;
    if (at_ns)
        deadline_set(&timer->deadline, at_ns);
    else
        deadline_clear(&timer->deadline);
}

static uint64_t left_ns(const struct timer *timer)
{
    if (!timer->deadline.set)
        return 0;
    uint64_t now_ns = time_monotonic();
    return timer->deadline.at_ns > now_ns ? timer->deadline.at_ns - now_ns : 1;
}

static struct timer **find(uint64_t id)
{
    return (uint32_t)id < TIMERS_MAX && timers[(uint32_t)id] ? &timers[(uint32_t)id] : NULL;
}

/* Whom it tells, and how; no event: the process, by SIGALRM. */
static int decode_event(uint64_t at, struct timer *timer)
{
    sigevent_t event = {.sigev_signo = SIGALRM, .sigev_notify = SIGEV_SIGNAL};
    if (at && user_read(&event, at, sizeof event) != 0)
        return -EFAULT;
    timer->info.si_signo = event.sigev_signo;
    timer->info.si_value = event.sigev_value;
    timer->silent = event.sigev_notify == SIGEV_NONE;
    switch (event.sigev_notify) {
    case SIGEV_SIGNAL | SIGEV_THREAD_ID:
        timer->tid = event._sigev_un._tid;
        if (!task_find(timer->tid))
            return -EINVAL;
        break;
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL:
        break;
    default:
        return -EINVAL;
    }
    return event.sigev_signo < 1 || event.sigev_signo > SIGNALS ? -EINVAL : 0;
}

static struct itimerspec spec_of(const struct timer *timer)
{
    return (struct itimerspec){.it_interval = time_spec(timer->interval_ns),
                               .it_value = time_spec(left_ns(timer))};
}
