/*
 * raw.h: the third form of a Smart Citizen Kit's reading, of firmware 2.1 on …/readings/raw,
 * which is no JSON:
 *   {t:2026-10-07T04:11:00Z,55:28.3,56:66}
 */
#ifndef THRESHOLD_RAW_H
#define THRESHOLD_RAW_H

#include "reading.h"

/* Does it begin like one? */
bool raw_is(const char *text, size_t bytes);

/* As reading_each(). */
bool raw_each(struct mayfly_event *event, const char *text, size_t bytes, reading_visit *visit,
              void *context, struct reading_fault *fault);

#endif
