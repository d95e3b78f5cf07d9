/* text.h: a line put together in a fixed buffer; what does not fit is cut off. */
#ifndef KERNEL_CORE_TEXT_H
#define KERNEL_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/core/limits.h"

struct text {
    size_t bytes;
    char data[LINE_BYTES];
};

/* As a string, its end cut off for the NUL if need be. */
const char *text_string(struct text *text);

void text_add(struct text *text, const char *words);
void text_decimal(struct text *text, uint64_t value);
void text_hex(struct text *text, uint64_t value); /* 0x and as many digits as it takes */
void text_hex16(struct text *text, uint64_t value); /* 0x and 16 digits */

#endif
