/* schedule.c: see schedule.h. */
#include "node/triggers/schedule.h"

#define DAY 86400

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

/* Local minutes in their order, and their instants with them: the first that is later. A local
 * time that is left out has the instant of others, one that comes twice its first. */
int64_t schedule_cron(const struct cron *cron, const struct zone *zone, int64_t after)
{
    int64_t local = after + zone_offset(zone, after), days = floor_div(local, DAY);
    unsigned minute = (unsigned)((local - days * DAY) / 60);
    for (;;) {
        int64_t day = next_day(cron, days);
        if (day == INT64_MAX)
            return SCHEDULE_NEVER;
        if (day > days)
            minute = 0;
        days = day;
        for (minute = next_minute(cron, minute); minute < 1440; minute = next_minute(cron, minute + 1)) {
            int64_t instant = zone_instant(zone, days * DAY + (int64_t)minute * 60);
            if (instant > after)
                return instant;
        }
        days++;
        minute = 0;
    }
}

uint64_t schedule_every(uint32_t every_ms, uint32_t phase_ms, uint64_t after_ms)
{
    uint64_t phase = phase_ms % every_ms;
    if (after_ms < phase)
        return phase;
    return phase + ((after_ms - phase) / every_ms + 1) * every_ms;
}
