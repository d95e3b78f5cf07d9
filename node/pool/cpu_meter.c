/*
 * cpu_meter.c: see cpu_meter.h. The making of a blank is charged to the function that uses it.
 */
#include <stdbool.h>
#include <time.h>

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/pool/run_delay.h"

/* The number of a process's processor-time clock, as Linux makes it (clock_getcpuclockid() asks the
 * kernel besides whether there is one: a system call for each look at each instance). */
static clockid_t clock_of(pid_t pid)
{
    enum { PROCESS_SCHEDULED_TIME = 2 }; /* CPUCLOCK_SCHED, without the bit for a thread's */
    return (clockid_t)(~(unsigned)pid << 3 | PROCESS_SCHEDULED_TIME);
}

static void look_at(struct function *function, struct instance *instance, bool waiting)
{
    struct timespec used;
    if (instance->blank.pid <= 0 || clock_gettime(clock_of(instance->blank.pid), &used) != 0)
        return;
    uint64_t used_ns = (uint64_t)used.tv_sec * MF_NS_PER_S + (uint64_t)used.tv_nsec;
    if (used_ns > instance->cpu_seen_ns) {
        function->cpu.used_ns += used_ns - instance->cpu_seen_ns;
        instance->cpu_seen_ns = used_ns;
    }
    if (!waiting)
        return;
    uint64_t waited_ns = run_delay_of_ns(instance->blank.pid);
    if (instance->delay_seen_ns && waited_ns > instance->delay_seen_ns)
        function->cpu.waited_ns += waited_ns - instance->delay_seen_ns;
    instance->delay_seen_ns = waited_ns;
}

void cpu_meter_look(struct function *function, bool waiting)
{
    struct link *const lists[] = {&function->busy, &function->idle, &function->resetting,
                                  &function->draining};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_each(at, lists[i])
            look_at(function, list_of(at, struct instance, link), waiting && i == 0);
}

void cpu_meter_gone(struct function *function, const struct instance *instance, uint64_t used_ns)
{
    if (used_ns > instance->cpu_seen_ns)
        function->cpu.used_ns += used_ns - instance->cpu_seen_ns;
}
