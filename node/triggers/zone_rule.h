/*
 * zone_rule.h: daylight saving time by a rule for all years: a TZif file's last line, as TZ in
 * POSIX.1-2017, 8.3, with RFC 8536's hours from -167 to 167. Pure functions, any thread.
 */
#ifndef MF_NODE_TRIGGERS_ZONE_RULE_H
#define MF_NODE_TRIGGERS_ZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From that moment on, what is to be added to UTC. */
struct zone_step {
    int64_t at;
    int32_t offset;
};

enum zone_day {
    ZONE_DAY_OF_MONTH_WEEK, /* Mm.w.d: day d of week w (5: the last) of month m */
    ZONE_DAY_WITHOUT_LEAP,  /* Jn: 1 … 365, 29 February is not counted          */
    ZONE_DAY_COUNTED,       /* n: 0 … 365                                       */
};

struct zone_date {
    enum zone_day kind;
    int month, week, day;
    int32_t seconds; /* of local time, on that day */
};

struct zone_rule {
    int32_t standard, daylight; /* what is to be added to UTC */
    bool changes;               /* else it is always standard */
    struct zone_date begins, ends; /* of daylight saving time */
};

/* False: it is none. */
bool zone_rule_parse(const char *text, size_t bytes, struct zone_rule *rule);

/* Both changes of a year, in their order; UTC, and the offset from then on. */
void zone_rule_year(const struct zone_rule *rule, int64_t year, struct zone_step step[2]);

/* Days since 1970 of a date of the Gregorian calendar; and back. month: 1 … 12. */
int64_t days_of_date(int64_t year, unsigned month, unsigned day);
void date_of_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
