/*
 * schedule.h: when a timer is due next. Pure functions of the time that is passed in; times are
 * of the wall clock, since 1970. Any thread.
 *
 * cron follows the wall clock of its zone, as cron(8) and systemd do: a time that is left out
 * when clocks go forward is due at that moment, once, however many are left out; one that comes
 * twice is due the first time, and what is due in each hour of the day both times.
 */
#ifndef MF_NODE_TRIGGERS_SCHEDULE_H
#define MF_NODE_TRIGGERS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/triggers.h"
#include "node/triggers/zone.h"

#define SCHEDULE_NEVER INT64_MAX

/* The first second after that one which is due. SCHEDULE_NEVER: none in MF_CRON_YEARS_MAX. */
int64_t schedule_cron(const struct cron *cron, const struct zone *zone, int64_t after);

/* The first millisecond after that one which is phase_ms and a multiple of every_ms. */
uint64_t schedule_every(uint32_t every_ms, uint32_t phase_ms, uint64_t after_ms);

/* A timer: `every` or `cron`. */
struct schedule {
    const struct trigger *trigger;
    const struct zone *zone; /* of cron  */
    uint32_t phase_ms;       /* of every */
};

/* UINT64_MAX: never. */
uint64_t schedule_next(const struct schedule *schedule, uint64_t after_ms);

/* The due time to run for next, of a timer that has run up to last_ms: at most now_ms, i.e. at once,
 * where a run is late by no more than MF_TIMER_LATE_MS, or was missed and the trigger says `once`;
 * else one to come.
 *
 * last_ms may be ahead of now_ms: the clock was set back, or was wrong (a board without a battery).
 * By more than MF_TIMER_BACK_MS it does not count. By less, what comes several times an hour, in each
 * hour, or by `every` goes on by the new clock if it would else be silent for longer than its own
 * interval; what comes at fixed hours, or comes again in a moment anyhow, does not run twice at one
 * time, as with cron(8). by_others: nodes whose clocks differ may have written last_ms; then all
 * waits until that time. */
uint64_t schedule_due(const struct schedule *schedule, uint64_t last_ms, uint64_t now_ms, bool by_others);

#endif
