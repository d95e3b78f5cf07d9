/* duration.c: see duration.h. */
#include "image/duration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 12 /* times an hour's milliseconds fit into 64 bits */

/* The largest first. */
static const struct {
    const char *name;
    uint32_t ms;
} unit[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define UNITS (sizeof unit / sizeof unit[0])

bool duration_from_text(const char *text, uint64_t *ms)
{
    size_t digits = strspn(text, "0123456789"), i = 0;
    while (i < UNITS && strcmp(text + digits, unit[i].name) != 0)
        i++;
    if (digits == 0 || i == UNITS)
        return false;
    *ms = digits <= DIGITS_MAX ? strtoull(text, NULL, 10) * unit[i].ms : UINT64_MAX;
    return true;
}

const char *duration_to_text(uint32_t ms, char text[static DURATION_TEXT_BYTES])
{
    size_t i = 0;
    while (ms == 0 ? i < UNITS - 1 : ms % unit[i].ms != 0)
        i++;
    (void)snprintf(text, DURATION_TEXT_BYTES, "%u%s", ms / unit[i].ms, unit[i].name);
    return text;
}
