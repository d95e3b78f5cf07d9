/*
 * clock.h: the program's CLOCK_MONOTONIC, which never goes back. It is the host's, but in an
 * instance whose snapshot is from before the host's last start: there it goes on from where it
 * was frozen, since sleeps, timers and a runtime's own clocks were frozen with it. Nanoseconds.
 */
#ifndef KERNEL_CORE_CLOCK_H
#define KERNEL_CORE_CLOCK_H

#include <stdint.h>

/* Frozen when the program's was frozen_ns, restored when the host's is host_ns. */
void clock_resume(uint64_t frozen_ns, uint64_t host_ns);

uint64_t clock_of_host(uint64_t host_ns);       /* the program's then */
uint64_t clock_for_host(uint64_t program_ns);   /* the host's then; at least 1 */

#endif
