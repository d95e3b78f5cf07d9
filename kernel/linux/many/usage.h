/* usage.h: who uses the processor, for the scheduler to say. */
#ifndef KERNEL_LINUX_MANY_USAGE_H
#define KERNEL_LINUX_MANY_USAGE_H

struct task;

void usage_begin(struct task *task); /* it does from now on, instead of who did */
void usage_end(void);                /* nobody does: all wait, or who did is about to be given back */

#endif
