/*
 * log.h: our own log, on standard error. A line is a time, a level, an event and
 * keys: `2026-11-21T05:00:00.123Z info instance.died fn=resize id=7 cause=page-fault`.
 * Values with spaces are quoted by the caller ("why=\"%s\""). Any thread.
 * Functions' own logs are not this: node/logs keeps them.
 */
#ifndef MF_BASE_LOG_H
#define MF_BASE_LOG_H

#include "abi/log.h"

/* Lines below this level are dropped. Starts at MF_LOG_INFO. */
void mf_log_level_set(enum mf_log_level least);

/* event: dotted name; format: "key=%s key=%d", or "" for none. */
void mf_log(enum mf_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
