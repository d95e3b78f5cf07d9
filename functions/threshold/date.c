/* date.c: exactly two forms, and only times that exist (proleptic Gregorian calendar). */
#include "date.h"

#include <string.h>

/* Two or four digits at text[at]; the form was checked before. */
static unsigned field(const char *text, unsigned at, unsigned digits)
{
    unsigned value = 0;
    for (unsigned i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[at + i] - '0');
    return value;
}

/* 'd' in form stands for a digit, everything else for itself. */
static bool has_form(const char *text, const char *form)
{
    for (; *form; form++, text++) {
        bool digit = *text >= '0' && *text <= '9';
        if (*form == 'd' ? !digit : *text != *form)
            return false;
    }
    return *text == 0;
}

static unsigned days_in(unsigned month, unsigned year)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

const char *date_fault(const char *text)
{
    if (!has_form(text, "dddd-dd-ddTdd:dd:ddZ") && !has_form(text, "dddd-dd-dd dd:dd:dd"))
        return "a time is written 2018-01-11T17:52:51Z or 2016-06-08 10:30:00";
    unsigned month = field(text, 5, 2);
    unsigned day = field(text, 8, 2);
    if (month < 1 || month > 12)
        return "there is no such month";
    if (day < 1 || day > days_in(month, field(text, 0, 4)))
        return "there is no such day in that month";
    if (field(text, 11, 2) > 23 || field(text, 14, 2) > 59 || field(text, 17, 2) > 59)
        return "there is no such time of day";
    return NULL;
}
