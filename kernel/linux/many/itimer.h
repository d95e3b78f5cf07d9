/* itimer.h: setitimer's timers of processor time, which come when somebody looks. */
#ifndef KERNEL_LINUX_MANY_ITIMER_H
#define KERNEL_LINUX_MANY_ITIMER_H

/* At the end of a slice: the signals of those that are due are sent. */
void itimer_pass(void);

#endif
