/*
 * log.c: one write per line, so lines of several threads never mix. Control characters
 * become '?': a value may quote what a client sent, and a line is to stay one line.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 2048

static enum mf_log_level least_level = MF_LOG_INFO;

static const char *const level_name[] = {
#define NAME(nr, NAME_, name) [nr] = name,
    MF_LOG_LEVELS(NAME)
#undef NAME
};

static size_t stamp(char *line, size_t room)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    return used + (size_t)snprintf(line + used, room - used, ".%03ldZ ", now.tv_nsec / 1000000);
}

void mf_log_level_set(enum mf_log_level least)
{
    least_level = least;
}

void mf_log(enum mf_log_level level, const char *event, const char *format, ...)
{
    if (level < least_level)
        return;
    char line[LINE_BYTES];
    size_t room = sizeof line - 1; /* keeps a byte for the newline */
    size_t used = stamp(line, room);
    int part = snprintf(line + used, room - used, "%s %s ", level_name[level], event);
    used += part > 0 && (size_t)part < room - used ? (size_t)part : 0;
    va_list args;
    va_start(args, format);
    part = vsnprintf(line + used, room - used, format, args);
    va_end(args);
    if (part > 0)
        used += (size_t)part < room - used ? (size_t)part : room - used - 1;
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}
