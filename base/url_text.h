/* url_text.h: the small pieces that addresses are written in. Pure. */
#ifndef MF_BASE_URL_TEXT_H
#define MF_BASE_URL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a hexadecimal digit, either case; -1: it is none. */
int mf_hex_digit(char c);

/* From text up to end, %XX decoded (RFC 3986, 2.1), into out, with a NUL behind. False: a % that
 * begins no escape, a NUL, or more than room. */
bool mf_percent_decode(const char *text, const char *end, char *out, size_t room);

/* A whole number of at most five digits, all of text up to end; max at most. */
bool mf_short_number(const char *text, const char *end, uint16_t max, uint16_t *result);

#endif
