/*
 * contract.h: how events reach the program and its answers the node. The scheduler asks
 * whenever it looks for a task to run. Only in the kernel for Linux programs.
 */
#ifndef KERNEL_CONTRACT_CONTRACT_H
#define KERNEL_CONTRACT_CONTRACT_H

#include <stdbool.h>
#include <stdint.h>

/* Before the program's first instruction. */
void contract_start(void);

/* The program ends, with this status: if that is an answer, it is given. */
void contract_end(uint32_t status);

/* Take what came from the node and move what is to go there, as far as it goes without
 * waiting. True: that made a task able to run. */
bool contract_turn(void);

/* No event is begun, the program is ready for one, and no task can run: may the instance be
 * frozen, or rolled back, here? */
bool contract_may_freeze(void);

#endif
