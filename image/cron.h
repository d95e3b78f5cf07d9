/*
 * cron.h: when, as crontab(5) writes it: minute, hour, day of the month, month, day of the week.
 * Each field is a list (`,`) of `*`, numbers and ranges (`a-b`), the last two with a step
 * (`/n`) if wanted; months and days of the week may be named by three letters (jan, sun). 0
 * and 7 are Sunday. If both days are restricted, i.e. neither field begins with `*`, one of them
 * is enough. Instead of five fields: @yearly, @annually, @monthly, @weekly, @daily, @midnight,
 * @hourly. The text may be hostile. Pure functions, any thread.
 */
#ifndef MF_IMAGE_CRON_H
#define MF_IMAGE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Bit n of a set: n is in it. */
struct cron {
    uint64_t minutes;  /* 0 … 59                                       */
    uint32_t hours;    /* 0 … 23                                       */
    uint32_t days;     /* of the month, 1 … 31                         */
    uint16_t months;   /* 1 … 12                                       */
    uint8_t weekdays;  /* 0 (Sunday) … 6                               */
    bool either;       /* of the two kinds of day; else both           */
};

/* MF_EINVAL with the field and what is allowed there; also for what never comes, as 30 February. */
MF_CHECKED mf_err cron_parse(const char *text, struct cron *cron, struct mf_why *why);

/* Is it one of its days? month from 1, weekday 0 (Sunday) … 6. */
bool cron_has_day(const struct cron *cron, unsigned month, unsigned day, unsigned weekday);

#endif
