/* utf8.c: RFC 3629, section 4: no overlong forms, no surrogates, nothing past U+10FFFF. */
#include "sdk/utf8.h"

struct form {
    unsigned char lead_min, lead_max;     /* first byte             */
    unsigned char second_min, second_max; /* second byte            */
    unsigned char bytes;                  /* in all                 */
};

/* UTF8-2, UTF8-3 and UTF8-4 of the RFC's syntax, line by line. */
static const struct form forms[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t utf8_sequence(const char *text, size_t bytes)
{
    const unsigned char *u = (const unsigned char *)text;
    if (!bytes)
        return 0;
    if (u[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *f = &forms[i];
        if (u[0] < f->lead_min || u[0] > f->lead_max)
            continue;
        if (bytes < f->bytes || u[1] < f->second_min || u[1] > f->second_max)
            return 0;
        for (size_t j = 2; j < f->bytes; j++)
            if (u[j] < 0x80 || u[j] > 0xbf)
                return 0;
        return f->bytes;
    }
    return 0;
}

size_t utf8_write(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes; i-- > 1; code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(lead[bytes] | code);
    return bytes;
}
