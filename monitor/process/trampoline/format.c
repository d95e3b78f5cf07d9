/*
 * format.c: vsnprintf as far as the sentences of mf_why() need it: %s %d %u %x, each also
 * with z, l or ll before it; everything else comes out as it stands. Cut at the end of the
 * buffer, which always ends in NUL.
 */
#include "monitor/process/trampoline/format.h"

#include <stdbool.h>
#include <stdint.h>

struct line {
    char *at;
    size_t room; /* the NUL included */
    size_t bytes;
};

static void add(struct line *line, char c)
{
    if (line->bytes + 1 < line->room)
        line->at[line->bytes] = c;
    line->bytes++;
}

static void add_string(struct line *line, const char *string)
{
    while (*string)
        add(line, *string++);
}

static void add_number(struct line *line, uint64_t value, unsigned base)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count)
        add(line, digits[--count]);
}

static void add_signed(struct line *line, int64_t value)
{
    if (value < 0)
        add(line, '-');
    add_number(line, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

/* One conversion, after its %; what comes behind it. */
static const char *convert(struct line *line, const char *at, va_list *args)
{
    bool wide = false;
    while (*at == 'l' || *at == 'z') {
        wide = true;
        at++;
    }
    switch (*at) {
    case 's':
        add_string(line, va_arg(*args, const char *));
        break;
    case 'd':
        add_signed(line, wide ? va_arg(*args, int64_t) : va_arg(*args, int));
        break;
    case 'u':
    case 'x':
        add_number(line, wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned),
                   *at == 'x' ? 16 : 10);
        break;
    case 0:
        return at;
    default:
        add(line, *at);
    }
    return at + 1;
}

int format_into(char *buffer, size_t room, const char *format, va_list list)
{
    struct line line = {buffer, room, 0};
    va_list args;
    va_copy(args, list);
    while (*format)
        if (*format == '%')
            format = convert(&line, format + 1, &args);
        else
            add(&line, *format++);
    va_end(args);
    if (room)
        buffer[line.bytes < room ? line.bytes : room - 1] = 0;
    return (int)line.bytes;
}
