/*
 * trampoline.c: puts the trampoline in its place and arms it, in the blank's only thread.
 * Leaves to others: its filter's lines (filter.c), the last steps (gate.h).
 */
#include "monitor/process/trampoline.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "abi/layout.h"
#include "boot_arch.h"
#include "monitor/process/gate.h"

_Static_assert(TRAMPOLINE_BASE == MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES &&
                   TRAMPOLINE_END == MF_KERNEL_BASE &&
                   TRAMPOLINE_END == TRAMPOLINE_BASE + TRAMPOLINE_BYTES,
               "layout.h: between the gate and the library OS");
_Static_assert(TRAMPOLINE_OTHER_GATE == TRAMPOLINE_BASE &&
                   TRAMPOLINE_TEXT == TRAMPOLINE_OTHER_GATE + MF_GATE_BYTES &&
                   TRAMPOLINE_JIT_GATE == TRAMPOLINE_TEXT + TRAMPOLINE_TEXT_BYTES &&
                   TRAMPOLINE_DATA == TRAMPOLINE_JIT_GATE + MF_GATE_BYTES,
               "gate page, text, gate page, variables");

extern const char trampoline_bytes[], trampoline_bytes_end[], gate_jit_page[];

static mf_err refused(const char *what, struct mf_why *why)
{
    return mf_why(why, mf_err_from_errno(errno), "cannot put the trampoline's %s in place: %s",
                  what, strerror(errno));
}

mf_err trampoline_map(struct mf_why *why)
{
    const size_t bytes = (size_t)(trampoline_bytes_end - trampoline_bytes);
    void *text = (void *)(uintptr_t)TRAMPOLINE_BASE;
    void *data = (void *)(uintptr_t)TRAMPOLINE_DATA;
    void *gate = (void *)(uintptr_t)TRAMPOLINE_JIT_GATE;
    mf_assert(bytes <= TRAMPOLINE_JIT_GATE - TRAMPOLINE_BASE);
    if (mremap((void *)(uintptr_t)trampoline_bytes, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
               text) != text)
        return refused("text", why);
    if (mremap((void *)(uintptr_t)gate_jit_page, MF_GATE_BYTES, MF_GATE_BYTES,
               MREMAP_MAYMOVE | MREMAP_FIXED, gate) != gate)
        return refused("gate page", why);
    if (mmap(data, TRAMPOLINE_END - TRAMPOLINE_DATA, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != data)
        return refused("variables", why);
    return MF_OK;
}

void trampoline_arm(const struct monitor_blank *blank, bool sealed, const struct tsc_moment *since,
                    const struct monitor_start *probe)
{
    struct trampoline_order *order = (struct trampoline_order *)(uintptr_t)TRAMPOLINE_DATA;
    order->host = (struct boot_host){.hwcap = getauxval(AT_HWCAP),
                                     .hwcap2 = getauxval(AT_HWCAP2),
                                     .flags = boot_arch_flags(getauxval(AT_HWCAP2)),
                                     .since = *since,
                                     .same_counter = true};
    order->vdso = getauxval(AT_SYSINFO_EHDR);
    order->seal = gate_seal_address();
    order->nice = blank->nice;
    order->window_bytes = blank->window_bytes;
    order->jit = blank->jit;
    if (!sealed) {
        order->length = filter_compile_blank(
            FILTER_GATE_DEFAULT, MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES, order->filter,
            FILTER_PROCESS_MAX);
        mf_assert(order->length > 0);
    }
    if (probe) {
        order->start = *probe;
        order->probe = 1;
    }
}

void trampoline_enter(void)
{
    ((void (*)(void))(uintptr_t)TRAMPOLINE_ENTRY)();
    __builtin_unreachable();
}
