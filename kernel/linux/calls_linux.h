/* calls_linux.h: the calls of kernel-linux.elf: those of call.h, and a list for each family. */
#ifndef KERNEL_LINUX_CALLS_LINUX_H
#define KERNEL_LINUX_CALLS_LINUX_H

#include "kernel/linux/call.h"
#include "kernel/linux/calls_files.h"
#include "kernel/linux/calls_process.h"
#include "kernel/linux/calls_sockets.h"
#include "kernel/linux/calls_threads.h"

#define LINUX_CALLS(X)                                                                            \
    LINUX_CALLS_FILES(X) LINUX_CALLS_SOCKETS(X) KERNEL_CALLS_SHARED(X) LINUX_CALLS_PROCESS(X) \
    LINUX_CALLS_THREADS(X)

LINUX_CALLS_FILES(KERNEL_CALL_DECLARE)
LINUX_CALLS_SOCKETS(KERNEL_CALL_DECLARE)
LINUX_CALLS_PROCESS(KERNEL_CALL_DECLARE)
LINUX_CALLS_THREADS(KERNEL_CALL_DECLARE)

#endif
