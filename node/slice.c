/*
 * slice.c: see slice.h; sched_setattr(2), Documentation/scheduler/sched-eevdf.rst. The C library has no
 * wrapper, and its header no struct, in the versions that we build with.
 */
#include "node/slice.h"

#include <dirent.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawner/protocol.h"

struct attributes { /* struct sched_attr, as of Linux 3.14 */
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};
_Static_assert(sizeof(struct attributes) == 48, "SCHED_ATTR_SIZE_VER0");

void slice_set(pid_t pid, uint64_t ns, int nice)
{
    struct attributes now = {0};
    if (syscall(SYS_sched_getattr, pid, &now, (unsigned)sizeof now, 0u) != 0 || now.policy != SCHED_OTHER)
        return; /* somebody has chosen another policy for it */
    now.size = sizeof now;
    now.runtime_ns = ns;
    if (now.nice < nice)
        now.nice = nice;
    (void)syscall(SYS_sched_setattr, pid, &now, 0u);
}

int slice_nice_of(double weight)
{
    int nice = 0;
    for (double at = 1; at > weight && nice < MF_NICE_MAX; nice++)
        at /= 1.25;
    return nice;
}

void slice_set_own(uint64_t ns)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;
    while (tasks && (task = readdir(tasks)) != NULL)
        if (task->d_name[0] != '.')
            slice_set((pid_t)strtol(task->d_name, NULL, 10), ns, SLICE_NICE_ANY);
    if (tasks)
        (void)closedir(tasks);
}
