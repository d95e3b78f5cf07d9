/*
 * timer.h: timers of the program that send signals (timer_create); setitimer is itimer.c's.
 */
#ifndef KERNEL_LINUX_MANY_TIMER_H
#define KERNEL_LINUX_MANY_TIMER_H

#include <asm/siginfo.h>

/* A signal on its way to the program. If it is a timer's (SI_TIMER), si_overrun becomes what the
 * timer has missed meanwhile, which is what timer_getoverrun() says until the next one. */
void timer_signal_taken(struct siginfo *info);

/* There are none any more. */
void timer_end_all(void);

#endif
