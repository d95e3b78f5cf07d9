/*
 * clock.h: the program's CLOCK_MONOTONIC, which never goes back. It is the host's, but in an
 * instance whose snapshot is from before the host's last start: there it goes on from where it
 * was frozen, since sleeps, timers and a runtime's own clocks were frozen with it. Nanoseconds.
 *
 * Between two questions to the host it goes by the processor's counter, where the boot page says
 * that there is one to go by (abi/boot.h): CLOCK_COUNTED_NS at most, then the host is asked again.
 */
#ifndef KERNEL_CORE_CLOCK_H
#define KERNEL_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_COUNTED_NS 1000000000ull
#define CLOCK_ASKED_NS 200000ull /* an answer that took longer is no good to count from */
#define CLOCK_STEP_NS 1000000ull /* back by more was CLOCK_REALTIME set; by less, it was counted too far */

/* Frozen when the program's was frozen_ns, restored when the host's is host_ns. */
void clock_resume(uint64_t frozen_ns, uint64_t host_ns);

uint64_t clock_of_host(uint64_t host_ns);       /* the program's then */
uint64_t clock_for_host(uint64_t program_ns);   /* the host's then; at least 1 */

struct mf_boot;

/* At a start, also from memory that was frozen: what the boot page says of counter and time. */
void clock_start(const struct mf_boot *boot);
/* Before the freeze: what is counted here counts nowhere else. */
void clock_stop(void);
bool clock_counts(void);
/* The host's clocks were these when the counter was between `before` and `after`.
 * They become what may be told: not less than was told before, CLOCK_REALTIME unless it was set. */
void clock_set(uint64_t before, uint64_t after, uint64_t *monotonic_ns, uint64_t *realtime_ns);
/* The host's clocks at `counter`. False: ask. */
bool clock_at(uint64_t counter, uint64_t *monotonic_ns, uint64_t *realtime_ns);

#endif
