/* json_text.c: see json_text.h. */
#include "node/logs/json_text.h"

#include <stdint.h>

#include "base/utf8.h"

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
        size_t length = mf_utf8_length(raw + at, bytes - at);
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
