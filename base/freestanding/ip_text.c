/* ip_text.c: see ip_text.h. */
#include "base/freestanding/ip_text.h"

#include <stdbool.h>

#define GROUPS (IP_BYTES / 2)

static char *add_number(char *at, uint32_t number, uint32_t base)
{
    char digits[8];
    unsigned count = 0;
    do
        digits[count++] = "0123456789abcdef"[number % base];
    while (number /= base);
    while (count)
        *at++ = digits[--count];
    return at;
}

static bool is_v4(const uint8_t *address)
{
    for (unsigned i = 0; i < 10; i++)
        if (address[i])
            return false;
    return address[10] == 0xff && address[11] == 0xff;
}

static uint32_t group(const uint8_t *address, unsigned i)
{
    return (uint32_t)address[2 * i] << 8 | address[2 * i + 1];
}

/* The longest run of zeros, the first of those as long; of one group alone there is none (RFC 5952, 4.2). */
static unsigned zeros_from(const uint8_t *address, unsigned *count)
{
    unsigned from = GROUPS;
    *count = 1;
    for (unsigned i = 0; i < GROUPS; i++) {
        unsigned end = i;
        while (end < GROUPS && group(address, end) == 0)
            end++;
        if (end - i > *count) {
            from = i;
            *count = end - i;
        }
    }
    return from;
}

static char *add_v6(char *at, const uint8_t *address)
{
    unsigned count, zeros = zeros_from(address, &count);
    *at++ = '[';
    for (unsigned i = 0; i < GROUPS;) {
        if (i == zeros) {
            *at++ = ':';
            *at++ = ':';
            i += count;
            continue;
        }
        if (i && i != zeros + count)
            *at++ = ':';
        at = add_number(at, group(address, i++), 16);
    }
    *at++ = ']';
    return at;
}

void ip_text(const uint8_t address[IP_BYTES], uint16_t port, char *room)
{
    char *at = room;
    if (is_v4(address)) {
        for (unsigned i = IP_BYTES - 4; i < IP_BYTES; i++) {
            at = add_number(at, address[i], 10);
            if (i < IP_BYTES - 1)
                *at++ = '.';
        }
    } else {
        at = add_v6(at, address);
    }
    *at++ = ':';
    at = add_number(at, port, 10);
    *at = 0;
}
