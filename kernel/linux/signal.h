/* signal.h: exceptions as signals, in both kernels: one/signal.c, many/signal.c. */
#ifndef KERNEL_LINUX_SIGNAL_H
#define KERNEL_LINUX_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/x86_64/frame.h"

/* An exception as a signal (number 0: none). True: the frame enters a handler. False:
 * there is none that may run; the exception is the program's end. */
bool signal_fault(struct frame *frame, int number, int code, uint64_t address);

#endif
