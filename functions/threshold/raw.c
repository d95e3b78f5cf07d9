/* raw.c: one walk over a raw reading, made twice: to check, then to visit. */
#include "raw.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"

#define START "{t:"
#define DATE_BYTES 20 /* 2026-10-07T04:11:00Z */

bool raw_is(const char *text, size_t bytes)
{
    return bytes >= sizeof START - 1 && memcmp(text, START, sizeof START - 1) == 0;
}

static bool wrong(struct reading_fault *fault, size_t at, const char *what)
{
    (void)snprintf(fault->where, sizeof fault->where, "byte %zu", at + 1);
    fault->what = what;
    fault->found = NULL;
    return false;
}

/* ID:VALUE at *at, which moves behind it. */
static bool pair(const char *text, size_t *at, struct measurement *measurement,
                 struct reading_fault *fault)
{
    char *end;
    errno = 0;
    unsigned long id = strtoul(text + *at, &end, 10);
    if (text[*at] < '0' || text[*at] > '9' || errno || id > UINT32_MAX || *end != ':')
        return wrong(fault, *at, "a sensor's number and a colon belong here");
    const char *start = end + 1;
    double value = strtod(start, &end);
    bool number = (*start >= '0' && *start <= '9') || *start == '-';
    if (!number || end == start || !isfinite(value) || memchr(start, 'x', (size_t)(end - start)))
        return wrong(fault, (size_t)(start - text), "a number belongs here");
    *at = (size_t)(end - text);
    measurement->sensor = (uint32_t)id;
    measurement->value = value;
    return true;
}

static bool walk(const char *text, size_t bytes, const char *date, reading_visit *visit,
                 void *context, struct reading_fault *fault)
{
    size_t at = sizeof START - 1 + DATE_BYTES;
    while (text[at] == ',') {
        struct measurement measurement = {.recorded_at = date};
        at++;
        if (!pair(text, &at, &measurement, fault))
            return false;
        if (visit)
            visit(context, &measurement);
    }
    if (text[at] != '}')
        return wrong(fault, at, "a comma or the closing brace belongs here");
    at++;
    while (at < bytes && (text[at] == '\n' || text[at] == '\r' || text[at] == ' '))
        at++;
    return at == bytes || wrong(fault, at, "nothing belongs behind the closing brace");
}

bool raw_each(struct mayfly_event *event, const char *text, size_t bytes, reading_visit *visit,
              void *context, struct reading_fault *fault)
{
    char *date = mayfly_alloc(event, DATE_BYTES + 1);
    if (!date || bytes < sizeof START - 1 + DATE_BYTES)
        return wrong(fault, sizeof START - 1, "a time belongs here, such as 2026-10-07T04:11:00Z");
    memcpy(date, text + sizeof START - 1, DATE_BYTES);
    date[DATE_BYTES] = 0;
    const char *no_date = date_fault(date);
    if (no_date)
        return wrong(fault, sizeof START - 1, no_date);
    return walk(text, bytes, date, NULL, NULL, fault) && walk(text, bytes, date, visit, context, fault);
}
