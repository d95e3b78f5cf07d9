/*
 * line.h: a line of text put together from words and numbers, where printf would be most of what it
 * costs. What does not fit is cut off. Any thread; a line has one owner.
 */
#ifndef MF_BASE_LINE_H
#define MF_BASE_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LINE_BYTES 384u
#define LINE_DIGITS_MAX 20u /* of a uint64_t */

/* Zero: empty. */
struct line {
    uint32_t bytes;
    char text[LINE_BYTES]; /* NUL-ended */
};

static inline void line_bytes(struct line *line, const char *text, size_t bytes)
{
    size_t left = LINE_BYTES - 1 - line->bytes;
    if (bytes > left)
        bytes = left;
    memcpy(line->text + line->bytes, text, bytes);
    line->bytes += (uint32_t)bytes;
    line->text[line->bytes] = 0;
}

static inline void line_text(struct line *line, const char *text)
{
    line_bytes(line, text, strlen(text));
}

/* In decimal digits, at least so many. */
static inline void line_number(struct line *line, uint64_t number, unsigned digits_least)
{
    char text[LINE_DIGITS_MAX];
    unsigned at = sizeof text;
    while (at && (number || sizeof text - at < digits_least)) {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    }
    line_bytes(line, text + at, sizeof text - at);
}

#endif
