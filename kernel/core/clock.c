/* clock.c: see clock.h. Owns the difference. */
#include "kernel/core/clock.h"

static uint64_t ahead_ns; /* the program's, of the host's */

void clock_resume(uint64_t frozen_ns, uint64_t host_ns)
{
    if (frozen_ns > host_ns) /* else nothing is written: a page less */
        ahead_ns = frozen_ns - host_ns;
}

uint64_t clock_of_host(uint64_t host_ns)
{
    return host_ns + ahead_ns;
}

uint64_t clock_for_host(uint64_t program_ns)
{
    return program_ns > ahead_ns ? program_ns - ahead_ns : 1;
}
