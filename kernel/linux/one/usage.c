/*
 * usage.c: processor time of kernel.elf: what has passed since the start; nobody counts when the
 * one thread sleeps. Owns nothing.
 */
#include "kernel/linux/usage.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "kernel/core/boot.h"
#include "kernel/core/clock.h"
#include "kernel/linux/time.h"

uint64_t usage_of_process(void)
{
    return time_monotonic() - clock_of_host(boot_page()->monotonic_ns);
}

uint64_t usage_of_thread(void)
{
    return usage_of_process();
}

int usage_clock(int32_t clock, uint64_t *ns)
{
    if (clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    *ns = usage_of_process();
    return 0;
}
