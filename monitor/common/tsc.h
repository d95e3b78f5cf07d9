/*
 * tsc.h: the scale of the processor's time-stamp counter, for the boot page (abi/boot.h). It is
 * measured, from the spawner's start to that of an instance, so it costs nobody a pause. Not over a
 * sleep of the host: CLOCK_MONOTONIC stands still then, and the counter may not, or begin again.
 */
#ifndef MF_MONITOR_COMMON_TSC_H
#define MF_MONITOR_COMMON_TSC_H

#include <stdint.h>

/* The counter and CLOCK_MONOTONIC at one moment, but for a microsecond or so. */
struct tsc_moment {
    uint64_t counter; /* 0: not to be had, or not trusted */
    uint64_t monotonic_ns;
    uint64_t apart_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, or a little less, modulo 2^64: a host that
                          slept, or whose clock was set, has another */
};

/* At the spawner's start, while it sees the host's files: the moment from which scales are measured,
 * if the host's own clock goes by the counter; else none. */
void tsc_begin(void);
/* Before a blank is made: that moment, or now if the host has slept since. */
void tsc_renew(void);
const struct tsc_moment *tsc_since(void);
/* counter 0: whoever runs beside us did not leave us the microsecond. */
struct tsc_moment tsc_moment(void);
/* Nanoseconds to a tick, times 2^32, between both; 0: too close, one is no moment, or the host may
 * have slept between them. */
uint64_t tsc_scale(const struct tsc_moment *from, const struct tsc_moment *to);

#endif
