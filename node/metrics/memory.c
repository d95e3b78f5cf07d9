/* memory.c: see memory.h, proc(5). */
#include "node/metrics/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/functions/function.h"

static ssize_t read_small(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, text, room - 1);
    (void)close(fd);
    if (got >= 0)
        text[got] = 0;
    return got;
}

uint64_t memory_resident_bytes(void)
{
    char text[128];
    if (read_small("/proc/self/statm", text, sizeof text) <= 0)
        return 0;
    const char *resident = strchr(text, ' ');
    return resident ? strtoull(resident + 1, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t memory_pss_bytes(pid_t pid)
{
    char path[64], text[2048];
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    if (pid <= 0 || read_small(path, text, sizeof text) <= 0)
        return 0;
    const char *pss = strstr(text, "\nPss:");
    return pss ? strtoull(pss + 5, NULL, 10) * 1024 : 0;
}

static void look(const struct link *list, unsigned *looks_left, uint64_t *bytes, unsigned *seen)
{
    list_each(at, list) {
        if (*looks_left == 0)
            return;
        --*looks_left;
        uint64_t pss = memory_pss_bytes(list_of(at, struct instance, link)->blank.pid);
        *bytes += pss;
        *seen += pss > 0;
    }
}

uint64_t memory_function_bytes(struct function *function, unsigned *looks_left)
{
    uint64_t bytes = 0, now_ns = mf_monotonic_ns();
    unsigned seen = 0;
    if (function->memory_at_ns && now_ns - function->memory_at_ns < MF_NS_PER_S)
        return function->memory_mean_bytes * function_live(function);
    look(&function->idle, looks_left, &bytes, &seen);
    look(&function->busy, looks_left, &bytes, &seen);
    look(&function->resetting, looks_left, &bytes, &seen);
    function->memory_at_ns = seen ? now_ns : 0;
    function->memory_mean_bytes = seen ? bytes / seen : 0;
    return function->memory_mean_bytes * function_live(function);
}
