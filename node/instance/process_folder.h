/*
 * process_folder.h: /proc/PID of an instance, held. What is opened in it is the instance's
 * or fails (ESRCH once that has ended), whoever has its number then.
 */
#ifndef MF_NODE_INSTANCE_PROCESS_FOLDER_H
#define MF_NODE_INSTANCE_PROCESS_FOLDER_H

#include <sys/types.h>

#include "base/err.h"

/* The folder of process pid, whose parent is `parent`: a descriptor for openat(2), the
 * caller's. MF_EDEAD: it has ended, or the number is another's by now. Blocks as little as
 * /proc does; any thread. */
MF_CHECKED mf_err process_folder_open(pid_t pid, pid_t parent, int *folder, struct mf_why *why);

/* The file pagemap in it, the caller's; -1 if it cannot be had: also MF_EDENIED. */
MF_CHECKED mf_err process_pagemap_open(pid_t pid, pid_t parent, int *fd, struct mf_why *why);

#endif
