/*
 * schedule.h: when a timer is due next. Pure functions of the time that is passed in; times are
 * of the wall clock, since 1970. Any thread.
 *
 * cron follows the wall clock of its zone, as cron(8) and systemd do: a time that is left out
 * when clocks go forward is due at that moment, once, however many are left out; one that comes
 * twice is due the first time.
 */
#ifndef MF_NODE_TRIGGERS_SCHEDULE_H
#define MF_NODE_TRIGGERS_SCHEDULE_H

#include <stdint.h>

#include "image/cron.h"
#include "node/triggers/zone.h"

#define SCHEDULE_NEVER INT64_MAX

/* The first second after that one which is due. SCHEDULE_NEVER: none in MF_CRON_YEARS_MAX. */
int64_t schedule_cron(const struct cron *cron, const struct zone *zone, int64_t after);

/* The first millisecond after that one which is phase_ms and a multiple of every_ms. */
uint64_t schedule_every(uint32_t every_ms, uint32_t phase_ms, uint64_t after_ms);

#endif
