/*
 * usage.c: processor time of the process and of each thread: from when one begins to run until
 * another one does, or all wait; the kernel's own work is that of who ran last.
 * Guarantees: costs a look at the processor's counter for each change; where there is none, and
 * a look would be a hypercall, all time since the start counts as used. Nothing of a snapshot's
 * time counts twice: when it is made, nobody runs.
 * Owns the sums.
 */
#include "kernel/linux/many/usage.h"

#include <asm/errno.h>
#include <linux/time.h>
#include <stddef.h>

#include "kernel/core/boot.h"
#include "kernel/core/clock.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/time.h"
#include "kernel/linux/usage.h"
#include "kernel/task/task.h"

/* Clocks of others, as Linux encodes them: ~number << 3, 4 for a thread's, kind. */
#define CLOCK_IS_THREADS 4
#define CLOCK_KIND 3
#define CLOCK_KINDS 3 /* of profiling, virtual, scheduled: all alike here */

static uint64_t total_ns, since_ns;
static struct task *running;

static void settle(uint64_t now_ns)
{
    if (!running)
        return;
    uint64_t ns = now_ns > since_ns ? now_ns - since_ns : 0;
    total_ns += ns;
    running->used_ns += ns;
}

void usage_begin(struct task *task)
{
    if (!clock_counts())
        return;
    uint64_t now_ns = time_monotonic();
    settle(now_ns);
    running = task;
    since_ns = now_ns;
}

void usage_end(void)
{
    if (running)
        settle(time_monotonic());
    running = NULL;
}

static uint64_t since_start(void)
{
    return time_monotonic() - clock_of_host(boot_page()->monotonic_ns);
}

static uint64_t unsettled(void)
{
    uint64_t now_ns = running ? time_monotonic() : 0;
    return now_ns > since_ns ? now_ns - since_ns : 0;
}

static uint64_t of_task(const struct task *task)
{
    if (!clock_counts())
        return since_start();
    return task->used_ns + (task == running ? unsettled() : 0);
}

uint64_t usage_of_process(void)
{
    return clock_counts() ? total_ns + unsettled() : since_start();
}

uint64_t usage_of_thread(void)
{
    return of_task(task_current);
}

int usage_clock(int32_t clock, uint64_t *ns)
{
    int32_t number = ~(clock >> 3);
    const struct task *task = task_current;
    bool others = clock < 0 && (clock & CLOCK_KIND) < CLOCK_KINDS;
    bool threads = others ? clock & CLOCK_IS_THREADS : clock == CLOCK_THREAD_CPUTIME_ID;
    if (!others && !threads && clock != CLOCK_PROCESS_CPUTIME_ID)
        return -EINVAL;
    if (others && threads && number)
        task = task_find(number);
    if (!task || (others && !threads && number && !identity_is_self(number)))
        return -EINVAL;
    *ns = threads ? of_task(task) : usage_of_process();
    return 0;
}
