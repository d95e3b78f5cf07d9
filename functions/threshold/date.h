/* date.h: the two forms in which a Smart Citizen Kit writes a time. */
#ifndef THRESHOLD_DATE_H
#define THRESHOLD_DATE_H

#include <stdbool.h>

/* "2018-01-11T17:52:51Z" or "2016-06-08 10:30:00", an existing day and time. NULL: it
 * is; else what is wrong. */
const char *date_fault(const char *text);

#endif
