/*
 * report.c: a guest's words made harmless, and its addresses given names.
 * Guarantees: output at most 4 times the input plus MF_LOG_NAMES_MAX names; UTF-8, and no
 * control character but tab and newline. Owns nothing. Any thread.
 */
#include "node/instance/report.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

#define ADDRESS_DIGITS_MAX 16u

static bool hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* "0x" and its digits at the start of text, or 0. */
static size_t address_length(const char *text, size_t bytes, uint64_t *address)
{
    if (bytes < 3 || text[0] != '0' || text[1] != 'x')
        return 0;
    size_t at = 2;
    for (*address = 0; at < bytes && hex_digit(text[at]); at++) {
        if (at - 2 == ADDRESS_DIGITS_MAX)
            return 0;
        char c = text[at];
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
        *address = *address << 4 | digit;
    }
    return at > 2 ? at : 0;
}

static bool in_code(const struct image_file *image, uint64_t address)
{
    for (uint32_t i = 0; i < image->image.segment_count; i++) {
        const struct image_segment *segment = &image->image.segment[i];
        if ((segment->flags & PF_X) && address >= segment->address &&
            address - segment->address < segment->memory_bytes)
            return true;
    }
    return false;
}

static mf_err add_name(struct mf_buf *out, uint64_t address, const struct image_file *image)
{
    const char *name;
    uint64_t distance;
    if (!in_code(image, address) || !image_symbol(image, address, &name, &distance))
        return MF_OK;
    return mf_buf_printf(out, " <%s+0x%llx>", name, (unsigned long long)distance);
}

/* Bytes of the character at text that a terminal may see; 0: its first one is to be shown as
 * a number. Bytes that are no UTF-8 are among these: a terminal of 8 bits obeys 0x9b. */
static size_t harmless(const uint8_t *text, size_t bytes)
{
    size_t length = mf_utf8_length(text, bytes);
    if (length == 1)
        return text[0] == '\t' || text[0] == '\n' || (text[0] >= 0x20 && text[0] != 0x7f);
    return length == 2 && text[0] == 0xc2 && text[1] < 0xa0 ? 0 : length;
}

mf_err report_add(struct mf_buf *out, const char *text, size_t bytes,
                  const struct image_file *image)
{
    const uint8_t *raw = (const uint8_t *)text;
    size_t plain = 0; /* what has not been copied yet starts here */
    unsigned names = 0;
    for (size_t at = 0; at < bytes;) {
        uint64_t address;
        bool name = image && names < MF_LOG_NAMES_MAX;
        size_t length = name ? address_length(text + at, bytes - at, &address) : 0;
        size_t plainly = length ? 0 : harmless(raw + at, bytes - at);
        if (plainly) {
            at += plainly;
            continue;
        }
        mf_err err = mf_buf_add(out, text + plain, at + length - plain);
        if (!err)
            err = length ? add_name(out, address, image) : mf_buf_printf(out, "\\x%02x", raw[at]);
        if (err)
            return err;
        at += length ? length : 1;
        names += length > 0;
        plain = at;
    }
    return mf_buf_add(out, text + plain, bytes - plain);
}
