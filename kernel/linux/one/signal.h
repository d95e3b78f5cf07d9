/*
 * signal.h: signals, where there is one thread. They come from the program itself (kill and
 * its like) or from its own exceptions; nothing arrives at any other time.
 */
#ifndef KERNEL_LINUX_ONE_SIGNAL_H
#define KERNEL_LINUX_ONE_SIGNAL_H

#include "kernel/linux/signal.h"

/* At the end of a system call: if a signal is due, let the frame enter its handler
 * (true), or end the instance. */
bool signal_deliver(struct frame *frame);

#endif
