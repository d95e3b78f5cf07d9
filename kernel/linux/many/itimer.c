/*
 * itimer.c: setitimer, getitimer, alarm: a timer of real time, which is a deadline, and two of
 * processor time (SIGVTALRM, SIGPROF), which are looked at when a slice ends: time that passes
 * while all wait is nobody's.
 * Guarantees: one that comes again while its signal is pending sends no second one.
 * Leaves to others: timers that a program makes (timer.c), processor time (usage.c).
 * Owns the three.
 */
#include "kernel/linux/many/itimer.h"

#include <asm/errno.h>
#include <linux/time.h>
#include <stdbool.h>

#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/time.h"
#include "kernel/linux/usage.h"
#include "kernel/task/deadline.h"

#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull
#define US_PER_S 1000000ll
#define TIMERS (ITIMER_PROF + 1)

/* struct itimerval of the program's. */
struct interval {
    int64_t interval_s, interval_us, value_s, value_us;
};

struct itimer {
    uint64_t at_ns;       /* on its clock; 0: not at all */
    uint64_t interval_ns; /* 0: once */
};

static struct itimer timers[TIMERS]; /* ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF */
static struct deadline alarm;        /* of the first */

static void due(struct deadline *deadline);
static void come(uint32_t which, uint64_t now_ns);
static uint64_t now_of(uint32_t which);
static struct interval interval_of(uint32_t which);
static void set(uint32_t which, uint64_t value_ns, uint64_t interval_ns);
static bool val_ns(int64_t s, int64_t us, uint64_t *ns);

int64_t linux_setitimer(struct frame *frame)
{
    uint32_t which = (uint32_t)frame_argument(frame, 0);
    uint64_t new_at = frame_argument(frame, 1), old_at = frame_argument(frame, 2);
    uint64_t value_ns, interval_ns;
    struct interval new = {0};
    if (which >= TIMERS)
        return -EINVAL;
    if (new_at && user_read(&new, new_at, sizeof new) != 0)
        return -EFAULT;
    if (!val_ns(new.value_s, new.value_us, &value_ns) ||
        !val_ns(new.interval_s, new.interval_us, &interval_ns))
        return -EINVAL;
    const struct interval old = interval_of(which);
    set(which, value_ns, interval_ns);
    return old_at ? user_write(old_at, &old, sizeof old) : 0;
}

int64_t linux_getitimer(struct frame *frame)
{
    uint32_t which = (uint32_t)frame_argument(frame, 0);
    if (which >= TIMERS)
        return -EINVAL;
    const struct interval now = interval_of(which);
    return user_write(frame_argument(frame, 1), &now, sizeof now);
}

int64_t linux_alarm(struct frame *frame)
{
    const struct interval old = interval_of(ITIMER_REAL);
    set(ITIMER_REAL, (uint32_t)frame_argument(frame, 0) * NS_PER_S, 0);
    bool up = old.value_us >= US_PER_S / 2 || (old.value_s == 0 && old.value_us);
    return old.value_s + up;
}

void itimer_pass(void)
{
    for (uint32_t which = ITIMER_VIRTUAL; which < TIMERS; which++)
        if (timers[which].at_ns)
            come(which, now_of(which));
}

static void due(struct deadline *deadline)
{
    (void)deadline;
    come(ITIMER_REAL, time_monotonic());
    if (timers[ITIMER_REAL].at_ns)
        deadline_set(&alarm, timers[ITIMER_REAL].at_ns);
}

/* If it is time: its signal, and when the next one is. */
static void come(uint32_t which, uint64_t now_ns)
{
    static const int numbers[TIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
    struct itimer *timer = &timers[which];
    const struct siginfo info = {.si_signo = numbers[which], .si_code = SI_KERNEL};
    if (now_ns < timer->at_ns)
        return;
    uint64_t missed = timer->interval_ns ? (now_ns - timer->at_ns) / timer->interval_ns : 0;
    timer->at_ns = timer->interval_ns ? timer->at_ns + (missed + 1) * timer->interval_ns : 0;
    (void)signal_send(NULL, &info);
}

static uint64_t now_of(uint32_t which)
{
    return which == ITIMER_REAL ? time_monotonic() : usage_of_process();
}

static struct interval interval_of(uint32_t which)
{
    const struct itimer *timer = &timers[which];
    uint64_t now_ns = timer->at_ns ? now_of(which) : 0;
    uint64_t left_ns = timer->at_ns > now_ns ? timer->at_ns - now_ns : timer->at_ns ? NS_PER_US : 0;
    return (struct interval){
        .interval_s = (int64_t)(timer->interval_ns / NS_PER_S),
        .interval_us = (int64_t)(timer->interval_ns % NS_PER_S / NS_PER_US),
        .value_s = (int64_t)(left_ns / NS_PER_S),
        .value_us = (int64_t)(left_ns % NS_PER_S / NS_PER_US),
    };
}

static void set(uint32_t which, uint64_t value_ns, uint64_t interval_ns)
{
    timers[which] = (struct itimer){.at_ns = value_ns ? now_of(which) + value_ns : 0,
                                    .interval_ns = interval_ns};
    if (which != ITIMER_REAL)
        return;
    alarm.due = due;
    if (value_ns)
        deadline_set(&alarm, timers[which].at_ns);
    else
        deadline_clear(&alarm);
}

static bool val_ns(int64_t s, int64_t us, uint64_t *ns)
{
    if (s < 0 || us < 0 || us >= US_PER_S)
        return false;
    bool far = (uint64_t)s >= TIME_NEVER_NS / NS_PER_S;
    *ns = far ? TIME_NEVER_NS : (uint64_t)s * NS_PER_S + (uint64_t)us * NS_PER_US;
    return true;
}
