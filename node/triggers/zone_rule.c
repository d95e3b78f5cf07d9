/* zone_rule.c: see zone_rule.h. */
#include "node/triggers/zone_rule.h"

#include <string.h>

#include "node/triggers/zone.h"

#define DAY 86400

struct text {
    const char *at, *end;
};

static bool take_date(struct text *text, struct zone_date *date);

/* Howard Hinnant's algorithms for the proleptic Gregorian calendar: years from March on, in
 * eras of 400. */
int64_t days_of_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_of_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

static bool take(struct text *text, char c)
{
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

static bool take_number(struct text *text, int most, int *number)
{
    const char *from = text->at;
    *number = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        *number = *number * 10 + (*text->at - '0');
        if (*number > most)
            return false;
    }
    return text->at > from;
}

/* <+03>, or letters. */
static bool take_name(struct text *text)
{
    const char *from = text->at;
    bool quoted = take(text, '<');
    while (text->at < text->end) {
        char c = *text->at;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-')))
            break;
        text->at++;
    }
    bool some = text->at - from >= 3;
    return (!quoted || take(text, '>')) && some;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool take_time(struct text *text, int hours_max, int32_t *seconds)
{
    int sign = take(text, '-') ? -1 : (take(text, '+'), 1), hours, minutes = 0, rest = 0;
    if (!take_number(text, hours_max, &hours))
        return false;
    if (take(text, ':') && !take_number(text, 59, &minutes))
        return false;
    if (take(text, ':') && !take_number(text, 59, &rest))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60 + rest);
    return true;
}

bool zone_rule_parse(const char *string, size_t bytes, struct zone_rule *rule)
{
    struct text text = {string, string + bytes};
    *rule = (struct zone_rule){0};
    if (!take_name(&text) || !take_time(&text, 24, &rule->standard))
        return false;
    rule->standard = -rule->standard; /* POSIX counts westwards */
    rule->daylight = rule->standard;
    if (text.at == text.end)
        return true;
    rule->changes = true;
    rule->daylight = rule->standard + 3600;
    if (!take_name(&text))
        return false;
    if (text.at < text.end && *text.at != ',') {
        if (!take_time(&text, 24, &rule->daylight))
            return false;
        rule->daylight = -rule->daylight;
    }
    return take(&text, ',') && take_date(&text, &rule->begins) && take(&text, ',') &&
           take_date(&text, &rule->ends) && text.at == text.end;
}

static bool take_date(struct text *text, struct zone_date *date)
{
    bool is_one;
    date->seconds = 2 * 3600;
    if (take(text, 'M')) {
        date->kind = ZONE_DAY_OF_MONTH_WEEK;
        is_one = take_number(text, 12, &date->month) && date->month >= 1 && take(text, '.') &&
                 take_number(text, 5, &date->week) && date->week >= 1 && take(text, '.') &&
                 take_number(text, 6, &date->day);
    } else if (take(text, 'J')) {
        date->kind = ZONE_DAY_WITHOUT_LEAP;
        is_one = take_number(text, 365, &date->day) && date->day >= 1;
    } else {
        date->kind = ZONE_DAY_COUNTED;
        is_one = take_number(text, 365, &date->day);
    }
    return is_one && (!take(text, '/') || take_time(text, 167, &date->seconds));
}

/* Local seconds since 1970 of that date's moment. */
static int64_t moment(const struct zone_date *date, int64_t year)
{
    int64_t days = days_of_date(year, 1, 1);
    bool leap = days_of_date(year + 1, 1, 1) - days == 366;
    if (date->kind == ZONE_DAY_COUNTED) {
        days += date->day;
    } else if (date->kind == ZONE_DAY_WITHOUT_LEAP) {
        days += date->day - 1 + (leap && date->day >= 60);
    } else {
        unsigned month = (unsigned)date->month;
        int64_t first = days_of_date(year, month, 1);
        int64_t next = month == 12 ? days_of_date(year + 1, 1, 1) : days_of_date(year, month + 1, 1);
        int weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1 January 1970 was a Thursday */
        days = first + (date->day - weekday + 7) % 7 + 7 * (date->week - 1);
        while (days >= next)
            days -= 7;
    }
    return days * DAY + date->seconds;
}

void zone_rule_year(const struct zone_rule *rule, int64_t year, struct zone_step step[2])
{
    struct zone_step begin = {moment(&rule->begins, year) - rule->standard, rule->daylight};
    struct zone_step end = {moment(&rule->ends, year) - rule->daylight, rule->standard};
    step[0] = begin.at <= end.at ? begin : end;
    step[1] = begin.at <= end.at ? end : begin;
}
