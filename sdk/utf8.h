/* utf8.h: UTF-8 (RFC 3629). */
#ifndef MF_SDK_UTF8_H
#define MF_SDK_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the valid sequence that starts at text, 1 to 4; 0: none does. */
size_t utf8_sequence(const char *text, size_t bytes);

/* Write a code point, not a surrogate; returns how many bytes, 1 to 4. */
size_t utf8_write(uint32_t code, char *to);

#endif
