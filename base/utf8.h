/* utf8.h: where text is text. Pure functions. */
#ifndef MF_BASE_UTF8_H
#define MF_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

size_t mf_utf8_length_long(const uint8_t *text, size_t bytes); /* of one that is not ASCII */

/* Length of the character at text (RFC 3629, 4), of which `bytes`, at least one, are there;
 * 0: it is none, or cut off. */
static inline size_t mf_utf8_length(const uint8_t *text, size_t bytes)
{
    return text[0] < 0x80 ? 1 : mf_utf8_length_long(text, bytes);
}

#endif
