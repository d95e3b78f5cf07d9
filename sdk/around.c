/* around.c: what a handler needs that is neither event nor reply: log, environment, randomness. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "abi/channel.h"
#include "abi/log.h"
#include "sdk/mayfly.h"
#include "sdk/port.h"

#define SAME_LEVEL(nr, NAME, name) _Static_assert((int)MAYFLY_##NAME == (int)MF_LOG_##NAME, name);
MF_LOG_LEVELS(SAME_LEVEL)

void mayfly_log(enum mayfly_level level, const char *format, ...)
{
    char text[MF_LOG_BYTES_MAX + 1];
    va_list args;
    va_start(args, format);
    int printed = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t bytes = printed > 0 ? (size_t)printed : 0;
    if (bytes > MF_LOG_BYTES_MAX)
        bytes = MF_LOG_BYTES_MAX;
    while (bytes && text[bytes - 1] == '\n')
        bytes--;
    unsigned known = level < MAYFLY_DEBUG || level > MAYFLY_ERROR ? MAYFLY_ERROR : level;
    (void)port_log(known, text, bytes);
}

const char *mayfly_env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

void mayfly_random(void *buffer, size_t bytes)
{
    char *at = buffer;
    while (bytes) {
        ssize_t got = getrandom(at, bytes, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* no randomness is worse than no function */
        at += got;
        bytes -= (size_t)got;
    }
}
