/* run_delay.c: see run_delay.h; /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst). */
#include "node/pool/run_delay.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t run_delay_of_ns(pid_t pid)
{
    char path[64], text[128], *second;
    (void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (got <= 0)
        return 0;
    text[got] = 0;
    (void)strtoull(text, &second, 10); /* the first number is the time it ran */
    return strtoull(second, NULL, 10);
}
