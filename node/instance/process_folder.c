/*
 * process_folder.c: see process_folder.h.
 * Guarantees: the parent is read through the descriptor that is handed out, so there is no
 * moment in which the number could pass to another process unnoticed. Owns nothing.
 */
#include "node/instance/process_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES 512u /* up to the parent: two numbers, a name of 15 bytes, a letter */

/* The parent's number; -1: there is none to be read. */
static pid_t parent_in(int folder)
{
    char stat[STAT_BYTES];
    int parent = -1;
    int fd = openat(folder, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
    if (fd >= 0)
        (void)close(fd);
    stat[got > 0 ? got : 0] = 0;
    const char *name_end = strrchr(stat, ')'); /* proc_pid_stat(5): a name may hold anything */
    if (!name_end || sscanf(name_end, ") %*c %d", &parent) != 1)
        return -1;
    return parent;
}

mf_err process_folder_open(pid_t pid, pid_t parent, int *folder, struct mf_why *why)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    *folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0 && errno != ENOENT)
        return mf_why(why, mf_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    if (*folder < 0)
        return mf_why(why, MF_EDEAD, "process %d has ended", (int)pid);
    if (parent_in(*folder) == parent)
        return MF_OK;
    (void)close(*folder);
    *folder = -1;
    return mf_why(why, MF_EDEAD, "process %d is not the instance any more", (int)pid);
}

mf_err process_pagemap_open(pid_t pid, pid_t parent, int *fd, struct mf_why *why)
{
    int folder;
    *fd = -1;
    mf_err err = process_folder_open(pid, parent, &folder, why);
    if (err)
        return err;
    *fd = openat(folder, "pagemap", O_RDONLY | O_CLOEXEC);
    int error = errno;
    (void)close(folder);
    return *fd < 0 ? mf_why(why, mf_err_from_errno(error), "no pagemap of process %d: %s", (int)pid,
                            strerror(error))
                   : MF_OK;
}
