/*
 * signal.h: signals. They come from the program itself (kill and its like) or from
 * its own exceptions; nothing arrives at any other time.
 */
#ifndef KERNEL_LINUX_SIGNAL_H
#define KERNEL_LINUX_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/x86_64/frame.h"

/* At the end of a system call: if a signal is due, let the frame enter its handler
 * (true), or end the instance. */
bool signal_deliver(struct frame *frame);

/* An exception as a signal (number 0: none). True: the frame enters a handler. False:
 * there is none that may run; the exception is the program's end. */
bool signal_fault(struct frame *frame, int number, int code, uint64_t address);

#endif
