/*
 * hypercall.c: calls of the gate (abi/hypercall.h).
 * Guarantees: structs aligned and inside the window: on a kernel stack.
 * Leaves to others: when to call. Owns nothing.
 */
#include "kernel/core/hypercall.h"

#include "kernel/core/clock.h"
#include "kernel/x86_64/cpu.h"

#define ALIGNED _Alignas(uint64_t) /* as every call wants its struct */

static void gate(enum mf_hypercall nr, void *argument)
{
    void (*entry)(void *) = (void (*)(void *))mf_gate_address(nr);
    entry(argument);
}

void hypercall_halt(void)
{
    ALIGNED struct mf_hc_halt call = {0};
    for (;;)
        gate(MF_HC_halt, &call);
}

void hypercall_fault(enum mf_cause cause)
{
    ALIGNED struct mf_hc_fault call = {.cause = (uint32_t)cause};
    for (;;)
        gate(MF_HC_fault, &call);
}

uint32_t hypercall_wait(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    ALIGNED struct mf_hc_wait call = {
        .deadline_ns = deadline_ns ? clock_for_host(deadline_ns) : 0, .seen = seen, .now = seen, .idle = idle};
    gate(MF_HC_wait, &call);
    return call.now;
}

void hypercall_ring(void)
{
    ALIGNED struct mf_hc_ring call = {0};
    gate(MF_HC_ring, &call);
}

int hypercall_protect(uint64_t address, uint64_t bytes, uint32_t prot)
{
    ALIGNED struct mf_hc_protect call = {.address = address, .bytes = bytes, .prot = prot};
    gate(MF_HC_protect, &call);
    return call.error;
}

int hypercall_discard(uint64_t address, uint64_t bytes)
{
    ALIGNED struct mf_hc_discard call = {.address = address, .bytes = bytes};
    gate(MF_HC_discard, &call);
    return call.error;
}

void hypercall_clock(uint64_t *monotonic_ns, uint64_t *realtime_ns)
{
    ALIGNED struct mf_hc_clock call = {0};
    uint64_t before = clock_counts() ? cpu_tsc() : 0;
    if (!clock_counts() || !clock_at(before, &call.monotonic_ns, &call.realtime_ns)) {
        gate(MF_HC_clock, &call);
        if (clock_counts())
            clock_set(before, cpu_tsc(), &call.monotonic_ns, &call.realtime_ns);
    }
    *monotonic_ns = clock_of_host(call.monotonic_ns);
    *realtime_ns = call.realtime_ns;
}

int hypercall_segment(uint32_t which, uint64_t base)
{
    ALIGNED struct mf_hc_segment call = {.base = base, .which = which};
    gate(MF_HC_segment, &call);
    return call.error;
}

void hypercall_console(const char *text, size_t bytes)
{
    ALIGNED struct mf_hc_console call = {
        .address = (uintptr_t)text,
        .bytes = (uint32_t)(bytes < MF_CONSOLE_MAX ? bytes : MF_CONSOLE_MAX),
    };
    gate(MF_HC_console, &call);
}
