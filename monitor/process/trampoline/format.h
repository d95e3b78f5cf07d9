/* format.h: the trampoline's vsnprintf, under a name of its own so that a test can hold it
 * against the C library's. */
#ifndef MF_MONITOR_PROCESS_TRAMPOLINE_FORMAT_H
#define MF_MONITOR_PROCESS_TRAMPOLINE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf(3), for %s %d %u %x with z, l, ll. */
int format_into(char *buffer, size_t room, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));

#endif
