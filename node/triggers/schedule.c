/* schedule.c: see schedule.h. */
#include "node/triggers/schedule.h"

#include <stddef.h>

#define DAY 86400
#define EVERY_HOUR 0xffffffu /* of cron.hours */

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

/* The first minute of a day from that one on which is in the sets; 1440: none. */
static unsigned next_minute(const struct cron *cron, unsigned from)
{
    for (unsigned hour = from / 60; hour < 24; hour++) {
        if (!(cron->hours >> hour & 1))
            continue;
        for (unsigned minute = hour == from / 60 ? from % 60 : 0; minute < 60; minute++)
            if (cron->minutes >> minute & 1)
                return hour * 60 + minute;
    }
    return 1440;
}

/* The first of its days from that one on, in days since 1970; INT64_MAX: none for years. */
static int64_t next_day(const struct cron *cron, int64_t from)
{
    int64_t year, first_year;
    unsigned month, day;
    date_of_days(from, &first_year, &month, &day);
    for (int64_t days = from;; days++) {
        date_of_days(days, &year, &month, &day);
        if (year > first_year + MF_CRON_YEARS_MAX)
            return INT64_MAX;
        if (!(cron->months >> month & 1)) { /* to its last day */
            days = (month == 12 ? days_of_date(year + 1, 1, 1) : days_of_date(year, month + 1, 1)) - 1;
            continue;
        }
        unsigned weekday = (unsigned)(((days + 4) % 7 + 7) % 7);
        if (cron_has_day(cron, month, day, weekday))
            return days;
    }
}

/* The first minute in the sets from that local time on, as such a time. SCHEDULE_NEVER: none. */
static int64_t next_local(const struct cron *cron, int64_t from)
{
    int64_t days = floor_div(from, DAY), day;
    unsigned minute = (unsigned)((from - days * DAY + 59) / 60);
    for (;; days = day + 1, minute = 0) {
        day = next_day(cron, days);
        if (day == INT64_MAX)
            return SCHEDULE_NEVER;
        minute = next_minute(cron, day > days ? 0 : minute);
        if (minute < 1440)
            return day * DAY + (int64_t)minute * 60;
    }
}

/* With clocks that are never set: local time and UTC differ by that much. */
static int64_t next_at_offset(const struct cron *cron, int64_t after, int32_t offset)
{
    int64_t local = next_local(cron, after + 1 + offset);
    return local == SCHEDULE_NEVER ? local : local - offset;
}

/* As the zone's clock shows minutes, those that it shows twice at both times. */
static int64_t next_shown(const struct cron *cron, const struct zone *zone, int64_t after)
{
    struct zone_step step;
    int64_t next = next_at_offset(cron, after, zone_offset(zone, after));
    return zone_next(zone, after, &step) && next >= step.at ? next_at_offset(cron, step.at - 1, step.offset) : next;
}

/* Local minutes in their order, and their instants with them: the first that is later. A local
 * time that is left out has the instant of others, one that comes twice its first; but what comes each
 * hour is not to be silent for two. */
int64_t schedule_cron(const struct cron *cron, const struct zone *zone, int64_t after)
{
    int64_t local = after + zone_offset(zone, after), instant;
    local = next_local(cron, floor_div(local, 60) * 60);
    while (local != SCHEDULE_NEVER && (instant = zone_instant(zone, local)) <= after)
        local = next_local(cron, local + 60);
    if (local == SCHEDULE_NEVER)
        return SCHEDULE_NEVER;
    int64_t shown = cron->hours == EVERY_HOUR ? next_shown(cron, zone, after) : instant;
    return shown < instant ? shown : instant;
}

uint64_t schedule_every(uint32_t every_ms, uint32_t phase_ms, uint64_t after_ms)
{
    uint64_t phase = phase_ms % every_ms;
    if (after_ms < phase)
        return phase;
    return phase + ((after_ms - phase) / every_ms + 1) * every_ms;
}

uint64_t schedule_next(const struct schedule *schedule, uint64_t after_ms)
{
    if (schedule->trigger->kind == TRIGGER_EVERY)
        return schedule_every(schedule->trigger->every_ms, schedule->phase_ms, after_ms);
    int64_t next = schedule_cron(&schedule->trigger->cron, schedule->zone, (int64_t)(after_ms / 1000));
    return next == SCHEDULE_NEVER ? UINT64_MAX : (uint64_t)next * 1000;
}

/* The last due time that is not after now, but after the last run; 0: there is none. In steps
 * back, so that years of minutes are not gone through. */
static uint64_t last_due(const struct schedule *schedule, uint64_t since_ms, uint64_t now_ms)
{
    static const uint64_t back_s[] = {3600, DAY, 32 * DAY, 366 * DAY, UINT64_MAX / 1000};
    for (size_t i = 0; i < sizeof back_s / sizeof back_s[0]; i++) {
        uint64_t back_ms = back_s[i] * 1000, found = 0;
        uint64_t from = back_ms < now_ms && now_ms - back_ms > since_ms ? now_ms - back_ms : since_ms;
        if (schedule->trigger->kind == TRIGGER_EVERY)
            found = schedule_next(schedule, now_ms) - schedule->trigger->every_ms;
        else
            for (uint64_t at = schedule_next(schedule, from); at <= now_ms; at = schedule_next(schedule, at))
                found = at;
        if (found > since_ms || from == since_ms)
            return found > since_ms ? found : 0;
    }
    return 0;
}

/* A last run is ahead of the clock by that much: is it to be waited for? */
static bool still_counts(const struct schedule *schedule, uint64_t last_ms, uint64_t ahead_ms, bool by_others)
{
    const uint64_t hour_ms = 3600000;
    if (ahead_ms > MF_TIMER_BACK_MS)
        return false;
    uint64_t next_ms = schedule_next(schedule, last_ms), interval_ms = next_ms - last_ms;
    bool often = schedule->trigger->kind == TRIGGER_EVERY || interval_ms < hour_ms ||
                 schedule->trigger->cron.hours == EVERY_HOUR;
    return by_others || !often || ahead_ms <= interval_ms;
}

uint64_t schedule_due(const struct schedule *schedule, uint64_t last_ms, uint64_t now_ms, bool by_others)
{
    if (last_ms > now_ms && !still_counts(schedule, last_ms, last_ms - now_ms, by_others))
        last_ms = now_ms; /* what the clock says now counts */
    uint64_t missed_ms = last_ms < now_ms ? last_due(schedule, last_ms, now_ms) : 0;
    bool late = missed_ms && now_ms - missed_ms <= MF_TIMER_LATE_MS;
    if (missed_ms && (late || schedule->trigger->once))
        return missed_ms;
    return schedule_next(schedule, last_ms > now_ms ? last_ms : now_ms);
}
