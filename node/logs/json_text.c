/* json_text.c: see json_text.h. */
#include "node/logs/json_text.h"

#include <stdint.h>

/* Length of the UTF-8 sequence at text (RFC 3629, 4), or 0. */
static size_t sequence(const uint8_t *text, size_t bytes)
{
    static const struct {
        uint8_t first_least, first_most, second_least, second_most, length;
    } form[] = {
        {0x00, 0x7f, 0, 0, 1},          {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof form / sizeof form[0]; i++) {
        if (text[0] < form[i].first_least || text[0] > form[i].first_most)
            continue;
        if (form[i].length > bytes)
            return 0;
        if (form[i].length > 1 &&
            (text[1] < form[i].second_least || text[1] > form[i].second_most))
            return 0;
        for (size_t at = 2; at < form[i].length; at++)
            if ((text[at] & 0xc0) != 0x80)
                return 0;
        return form[i].length;
    }
    return 0;
}

static const char *escape(uint8_t c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

mf_err json_text_add(struct mf_buf *out, const char *text, size_t bytes)
{
    const uint8_t *raw = (const uint8_t *)text;
    size_t plain = 0; /* what is not copied yet starts here */
    mf_err err = mf_buf_add(out, "\"", 1);
    for (size_t at = 0; at < bytes && !err;) {
        size_t length = sequence(raw + at, bytes - at);
        const char *with = length == 1 ? escape(raw[at]) : NULL;
        if (length && !with && raw[at] >= 0x20) {
            at += length;
            continue;
        }
        err = mf_buf_add(out, raw + plain, at - plain);
        if (!err && !length)
            err = mf_buf_add(out, "\xef\xbf\xbd", 3);
        else if (!err && with)
            err = mf_buf_add(out, with, 2);
        else if (!err)
            err = mf_buf_printf(out, "\\u%04x", raw[at]);
        plain = ++at;
    }
    if (!err)
        err = mf_buf_add(out, raw + plain, bytes - plain);
    return err ? err : mf_buf_add(out, "\"", 1);
}
