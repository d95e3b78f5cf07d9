/* end.c: last words. No allocation: printf's engine into a buffer of our own. */
#include "monitor/kvm/end.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "monitor/kvm/cpu.h"

#define LINE_BYTES 256

void end_halted(void)
{
    _exit(0);
}

void end_fault(enum mf_cause cause)
{
    _exit(MF_CAUSE_STATUS + (int)cause);
}

void end_noticed(int console, int vcpu, enum mf_cause cause, const char *format, ...)
{
    char line[LINE_BYTES];
    uint64_t instruction, stack;
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (bytes < 0 || bytes >= LINE_BYTES)
        bytes = LINE_BYTES - 1;
    if (cpu_position(vcpu, &instruction, &stack))
        bytes += snprintf(line + bytes, sizeof line - (size_t)bytes,
                          ": at 0x%" PRIx64 ", stack 0x%" PRIx64, instruction, stack);
    if (bytes >= LINE_BYTES)
        bytes = LINE_BYTES - 1;
    line[bytes] = '\n';
    (void)!write(console, line, (size_t)bytes + 1); /* the cause goes by the status anyway */
    end_fault(cause);
}
