/* process.c: see process.h. */
#include "node/instance/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES 512 /* of /proc/PID/stat, more than stand before the parent */

int process_folder(pid_t pid, pid_t parent)
{
    char path[32], stat[STAT_BYTES];
    int is_of = -1;
    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int about = openat(folder, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t got = about < 0 ? -1 : read(about, stat, sizeof stat - 1);
    if (about >= 0)
        (void)close(about);
    stat[got > 0 ? got : 0] = 0;
    const char *name_end = strrchr(stat, ')'); /* proc_pid_stat(5): a name may hold anything */
    if (name_end && sscanf(name_end, ") %*c %d", &is_of) == 1 && is_of == parent)
        return folder;
    (void)close(folder);
    errno = ESRCH;
    return -1;
}

int process_pagemap(pid_t pid, pid_t parent)
{
    int folder = process_folder(pid, parent);
    if (folder < 0)
        return -1;
    int fd = openat(folder, "pagemap", O_RDONLY | O_CLOEXEC);
    (void)close(folder);
    return fd;
}
