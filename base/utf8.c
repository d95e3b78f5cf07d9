/* utf8.c: see utf8.h. */
#include "base/utf8.h"

size_t mf_utf8_length_long(const uint8_t *text, size_t bytes)
{
    static const struct {
        uint8_t first_least, first_most, second_least, second_most, length;
    } form[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
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
