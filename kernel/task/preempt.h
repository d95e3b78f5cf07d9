/* preempt.h: preempts that fell due while the kernel ran, which do not arrive (abi/trap.h). */
#ifndef KERNEL_TASK_PREEMPT_H
#define KERNEL_TASK_PREEMPT_H

#include <stdbool.h>

/* Did one fall due since this was asked last? */
bool kernel_preempted(void);

#endif
