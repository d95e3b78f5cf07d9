/* sealed_blank.c: see sealed_blank.h. */
#include "sealed_blank.h"

#include <unistd.h>

#include "monitor/monitor.h"
#include "monitor/process/filter.h"
#include "monitor/process/gate.h"
#include "monitor/process/trampoline.h"

long through_trampoline(long number, const uint64_t a[6])
{
    long (*host_call)(long, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t) =
        (long (*)(long, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))TRAMPOLINE_TEXT;
    return host_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void prepare_blank(void)
{
    struct mf_why why;
    map_fixed(MF_BOOT_BASE, MF_WINDOW_DEFAULT, MAP_FIXED_NOREPLACE);
    if (gate_map(&why) || trampoline_map(&why))
        _exit(98);
    (void)close(MONITOR_FD_CONTROL);
    (void)close(MONITOR_FD_CHANNEL);
}

void wait_sealed(void)
{
    static struct sock_filter code[FILTER_PROCESS_MAX];
    prepare_blank();
    seal_by(code, filter_compile_blank(FILTER_GATE_DEFAULT, DEFAULT_CHANNEL, code, FILTER_PROCESS_MAX));
}
