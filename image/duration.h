/*
 * duration.h: a time with its unit, as people write it: 500ms, 60s, 10m, 4h. No
 * fractions, no sums. Any thread.
 */
#ifndef MF_IMAGE_DURATION_H
#define MF_IMAGE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define DURATION_TEXT_BYTES 16

/* False: no duration. What does not fit is UINT64_MAX. */
bool duration_from_text(const char *text, uint64_t *ms);

/* In the largest unit that leaves no rest; returns text. */
const char *duration_to_text(uint32_t ms, char text[static DURATION_TEXT_BYTES]);

#endif
