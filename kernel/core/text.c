/*
 * text.c: words and numbers into a line. Guarantees: never past the buffer.
 * Owns nothing.
 */
#include "kernel/core/text.h"

static void add_character(struct text *text, char c)
{
    if (text->bytes < sizeof text->data)
        text->data[text->bytes++] = c;
}

const char *text_string(struct text *text)
{
    size_t last = sizeof text->data - 1;
    text->data[text->bytes < last ? text->bytes : last] = 0;
    return text->data;
}

void text_add(struct text *text, const char *words)
{
    while (*words)
        add_character(text, *words++);
}

void text_decimal(struct text *text, uint64_t value)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count)
        add_character(text, digits[--count]);
}

static void hex_digits(struct text *text, uint64_t value, unsigned digits)
{
    text_add(text, "0x");
    while (digits--)
        add_character(text, "0123456789abcdef"[(value >> (4 * digits)) & 15]);
}

void text_hex(struct text *text, uint64_t value)
{
    unsigned digits = 1;
    while (digits < 16 && value >> (4 * digits))
        digits++;
    hex_digits(text, value, digits);
}

void text_hex16(struct text *text, uint64_t value)
{
    hex_digits(text, value, 16);
}
