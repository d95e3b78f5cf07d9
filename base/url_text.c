/* url_text.c: see url_text.h. */
#include "base/url_text.h"

int mf_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool mf_percent_decode(const char *text, const char *end, char *out, size_t room)
{
    size_t count = 0;
    while (text < end && count + 1 < room) {
        int byte = (uint8_t)*text;
        if (*text == '%') {
            if (end - text < 3 || mf_hex_digit(text[1]) < 0 || mf_hex_digit(text[2]) < 0)
                return false;
            byte = mf_hex_digit(text[1]) << 4 | mf_hex_digit(text[2]);
            text += 2;
        }
        if (byte == 0)
            return false;
        out[count++] = (char)byte;
        text++;
    }
    out[count] = 0;
    return text == end;
}

bool mf_short_number(const char *text, const char *end, uint16_t max, uint16_t *result)
{
    uint32_t value = 0;
    if (text == end || end - text > 5)
        return false;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint32_t)(*text - '0');
    }
    *result = (uint16_t)value;
    return value <= max;
}
