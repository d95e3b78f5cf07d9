/*
 * cron.c: the five fields of cron.h as sets of bits.
 * Guarantees: a set holds numbers of its field only, and some day of some year is in all of them.
 * Leaves to others: time zones, and when the next such minute is (node/triggers/).
 */
#include "image/cron.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FIELDS 5
#define TEXT_BYTES_MAX 256

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field {
    const char *what;
    unsigned least, most;
    const char *const *names; /* of the numbers from least on */
} fields[FIELDS] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, month_names},
    {"day of the week", 0, 7, day_names},
};

static const struct {
    const char *name, *text;
} shorthand[] = {
    {"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},  {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static mf_err parse_field(const struct field *field, const char *text, size_t bytes, uint64_t *set,
                          struct mf_why *why);
static bool ever_comes(const struct cron *cron);

mf_err cron_parse(const char *text, struct cron *cron, struct mf_why *why)
{
    for (size_t i = 0; i < sizeof shorthand / sizeof shorthand[0]; i++)
        if (strcmp(text, shorthand[i].name) == 0)
            text = shorthand[i].text;
    if (text[0] == '@')
        return mf_why(why, MF_EINVAL, "no such name; @yearly, @monthly, @weekly, @daily, @hourly, or "
                      "five fields");
    if (strlen(text) > TEXT_BYTES_MAX)
        return mf_why(why, MF_EINVAL, "%zu bytes; %d are allowed", strlen(text), TEXT_BYTES_MAX);
    uint64_t set[FIELDS] = {0};
    bool any[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        text += strspn(text, " \t");
        size_t bytes = strcspn(text, " \t");
        if (bytes == 0)
            return mf_why(why, MF_EINVAL, "%zu of five fields: minute, hour, day of the month, month, "
                          "day of the week", i);
        any[i] = text[0] == '*';
        mf_err err = parse_field(&fields[i], text, bytes, &set[i], why);
        if (err)
            return err;
        text += bytes;
    }
    if (text[strspn(text, " \t")])
        return mf_why(why, MF_EINVAL, "more than five fields");
    *cron = (struct cron){
        .minutes = set[0],
        .hours = (uint32_t)set[1],
        .days = (uint32_t)set[2],
        .months = (uint16_t)set[3],
        .weekdays = (uint8_t)((set[4] | set[4] >> 7) & 0x7f),
        .either = !any[2] && !any[4],
    };
    if (!ever_comes(cron))
        return mf_why(why, MF_EINVAL, "there is no such day in any year");
    return MF_OK;
}

bool cron_has_day(const struct cron *cron, unsigned month, unsigned day, unsigned weekday)
{
    bool in_month = cron->days >> day & 1, in_week = cron->weekdays >> weekday & 1;
    return (cron->months >> month & 1) && (cron->either ? in_month || in_week : in_month && in_week);
}

static mf_err bad(const struct field *field, const char *text, size_t bytes, struct mf_why *why)
{
    char quoted[32];
    size_t kept = bytes < sizeof quoted - 1 ? bytes : sizeof quoted - 1;
    for (size_t i = 0; i < kept; i++)
        quoted[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    quoted[kept] = 0;
    return mf_why(why, MF_EINVAL, "%s: \"%s\"; %u to %u, ranges a-b, steps /n, lists with commas, or *%s",
                  field->what, quoted, field->least, field->most,
                  field->names ? ", names of three letters" : "");
}

/* A number or name at *at, before end; *at goes behind it. */
static bool take_number(const struct field *field, const char **at, const char *end, unsigned *number)
{
    if (*at < end && **at >= '0' && **at <= '9') {
        *number = 0;
        for (; *at < end && **at >= '0' && **at <= '9' && *number < 1000; (*at)++)
            *number = *number * 10 + (unsigned)(**at - '0');
        return *number < 1000;
    }
    for (unsigned i = 0; field->names && field->names[i] && end - *at >= 3; i++) {
        if (strncasecmp(*at, field->names[i], 3) != 0)
            continue;
        *number = field->least + i;
        *at += 3;
        return true;
    }
    return false;
}

/* One of a list, which ends at end. */
static bool parse_part(const struct field *field, const char *at, const char *end, uint64_t *set)
{
    unsigned first = field->least, last = field->most, step = 1;
    bool range = false;
    if (at < end && *at == '*') {
        range = true;
        at++;
    } else {
        if (!take_number(field, &at, end, &first))
            return false;
        last = first;
        if (at < end && *at == '-') {
            range = true;
            at++;
            if (!take_number(field, &at, end, &last))
                return false;
        }
    }
    if (range && at < end && *at == '/') {
        at++;
        if (at == end || *at < '0' || *at > '9' || !take_number(field, &at, end, &step) || step == 0)
            return false;
    }
    if (at != end || first < field->least || last > field->most || first > last)
        return false;
    for (unsigned i = first; i <= last; i += step)
        *set |= 1ull << i;
    return true;
}

static mf_err parse_field(const struct field *field, const char *text, size_t bytes, uint64_t *set,
                          struct mf_why *why)
{
    const char *end = text + bytes;
    for (const char *at = text;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        if (!parse_part(field, at, comma ? comma : end, set))
            return bad(field, text, bytes, why);
        if (!comma)
            return MF_OK;
        at = comma + 1;
    }
}

static bool ever_comes(const struct cron *cron)
{
    static const uint8_t longest[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (cron->either) /* every month has all days of the week */
        return true;
    for (unsigned month = 1; month <= 12; month++)
        if ((cron->months >> month & 1) && (cron->days & ((2ull << longest[month]) - 2)))
            return true;
    return false;
}
