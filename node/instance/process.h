/* process.h: the folder in /proc of an instance's process. Any thread. */
#ifndef MF_NODE_INSTANCE_PROCESS_H
#define MF_NODE_INSTANCE_PROCESS_H

#include <sys/types.h>

/* The folder of this pid, if it is a child of parent now; the caller's to close, or -1 and
 * errno: ESRCH, it is not. It pins the process: when that has ended, files opened by way of
 * the folder cannot be read, whoever has its number then. */
int process_folder(pid_t pid, pid_t parent);

/* Its file pagemap, or -1. */
int process_pagemap(pid_t pid, pid_t parent);

#endif
