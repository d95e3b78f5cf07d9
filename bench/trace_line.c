/* trace_line.c: see trace_line.h. No allocation, no locale (strtod() has one). */
#include "bench/trace_line.h"

#include <string.h>

#include "base/limits.h"

#define FIELDS 4
#define MANTISSA_MAX 100000000000000000ull /* 10^17: more digits than a double has */
#define EXPONENT_MAX 400                   /* as far as a double goes, and the digits */

struct number {
    uint64_t mantissa;
    int exponent; /* of ten */
    size_t at;    /* in the text */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits from number->at; each shifts the point by so much. Returns how many. */
static size_t take_digits(const char *text, size_t bytes, struct number *number, int shift)
{
    size_t first = number->at;
    for (; number->at < bytes && is_digit(text[number->at]); number->at++) {
        if (number->mantissa < MANTISSA_MAX) {
            number->mantissa = number->mantissa * 10 + (uint64_t)(text[number->at] - '0');
            number->exponent += shift;
        } else {
            number->exponent += shift + 1; /* dropped */
        }
    }
    return number->at - first;
}

static bool take_exponent(const char *text, size_t bytes, struct number *number)
{
    if (number->at == bytes)
        return true;
    if (text[number->at] != 'e' && text[number->at] != 'E')
        return false;
    number->at++;
    bool negative = number->at < bytes && text[number->at] == '-';
    if (number->at < bytes && (negative || text[number->at] == '+'))
        number->at++;
    size_t first = number->at;
    int value = 0;
    for (; number->at < bytes && is_digit(text[number->at]); number->at++)
        if (value <= EXPONENT_MAX)
            value = value * 10 + (text[number->at] - '0');
    number->exponent += negative ? -value : value;
    return number->at > first && number->at == bytes && value <= EXPONENT_MAX;
}

bool trace_seconds(const char *text, size_t bytes, uint64_t *ns)
{
    struct number number = {0};
    if (bytes > MF_TRACE_LINE_BYTES_MAX)
        return false;
    size_t digits = take_digits(text, bytes, &number, 0);
    if (number.at < bytes && text[number.at] == '.') {
        number.at++;
        digits += take_digits(text, bytes, &number, -1);
    }
    if (digits == 0 || !take_exponent(text, bytes, &number))
        return false;
    int shift = number.exponent + 9; /* nanoseconds */
    uint64_t value = number.mantissa;
    for (; shift > 0 && value; shift--) {
        if (value > TRACE_TIME_NS_MAX / 10)
            return false;
        value *= 10;
    }
    for (; shift < 0 && value; shift++)
        value /= 10;
    *ns = value;
    return value <= TRACE_TIME_NS_MAX;
}

static bool is_name(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return bytes > 0 && bytes <= MF_TRACE_NAME_BYTES_MAX;
}

mf_err trace_line_parse(const char *text, size_t bytes, struct trace_line *line,
                        struct mf_why *why)
{
    static const char *const name[FIELDS] = {"app", "func", "end_timestamp", "duration"};
    const char *field[FIELDS];
    size_t length[FIELDS], count = 0;
    for (size_t at = 0; at <= bytes; count++) {
        const char *comma = memchr(text + at, ',', bytes - at);
        size_t end = comma ? (size_t)(comma - text) : bytes;
        if (count < FIELDS) {
            field[count] = text + at;
            length[count] = end - at;
        }
        at = end + 1;
    }
    if (count != FIELDS)
        return mf_why(why, MF_EINVAL, "%zu fields; four belong there: " TRACE_HEADER, count);
    for (size_t i = 0; i < 2; i++)
        if (!is_name(field[i], length[i]))
            return mf_why(why, MF_EINVAL, "%s: 1 to %d printable characters belong there, no spaces",
                          name[i], MF_TRACE_NAME_BYTES_MAX);
    uint64_t ns[FIELDS];
    for (size_t i = 2; i < FIELDS; i++)
        if (!trace_seconds(field[i], length[i], &ns[i]))
            return mf_why(why, MF_EINVAL, "%s: seconds belong there, as 12.5, not negative", name[i]);
    *line = (struct trace_line){
        .app = field[0],
        .app_bytes = length[0],
        .function_bytes = length[0] + 1 + length[1],
        .end_ns = ns[2],
        .duration_ns = ns[3],
    };
    return MF_OK;
}
