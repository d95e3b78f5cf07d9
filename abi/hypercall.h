/*
 * hypercall.h: everything a guest can ask of its monitor. One list, from which
 * the stubs, the dispatch, the tests' nonsense and docs/ABI.md are made.
 *
 * A hypercall is a call of the gate at mf_gate_address(nr) with one argument
 * (rdi / x0): the address of the call's struct, in the guest's window, aligned
 * to 8. The gate is code that the monitor supplies at MF_GATE_BASE: under KVM it
 * writes the address to port MF_HC_PORT + nr, under the process monitor it makes
 * the one host system call that serves the call. It preserves rbx, rbp, rsp and
 * r12 to r15 like any C function, and the vector state.
 *
 * The monitor copies the struct once, decodes it, acts, and writes back the
 * fields marked `out`. A struct outside the window, or a call whose `in` fields
 * break the rule beside them, gets error = -EINVAL (Linux's number) where there
 * is such a field and otherwise ends the instance with MF_CAUSE_PROTOCOL. No
 * call has sub-operations.
 */
#ifndef MF_ABI_HYPERCALL_H
#define MF_ABI_HYPERCALL_H

#include <stdint.h>

#include "abi/layout.h"

/* X(number, name, what it is for) */
#define MF_HYPERCALLS(X)                                                                  \
    X(0, halt, "end this instance in good order, all its events answered")                \
    X(1, wait, "sleep until the node's doorbell rings or a deadline passes")              \
    X(2, ring, "wake the node: the guest-to-node ring has something for it")              \
    X(3, protect, "change what a range of pages allows; to execute only with MF_BOOT_JIT") \
    X(4, discard, "give pages back; they read as zero afterwards")                        \
    X(5, clock, "read the node's clocks")                                                 \
    X(6, console, "write a line to the function's log without the channel")               \
    X(7, fault, "end this instance because of a fault; the report went to the console")   \
    X(8, segment, "set the base of FS or GS, where the processor does not let the guest")

#define MF_HYPERCALL_COUNT 9u
_Static_assert(MF_HYPERCALL_COUNT <= 10, "the boundary stays tiny");

/* F(direction, type, name, rule or meaning) */
#define MF_HC_halt_FIELDS(F)                                                              \
    F(in, uint32_t, reserved, "0")

#define MF_HC_wait_FIELDS(F)                                                              \
    F(in, uint64_t, deadline_ns, "CLOCK_MONOTONIC at which to give up; 0 = never")        \
    F(in, uint32_t, seen, "value of the doorbell already handled; waits while unchanged") \
    F(out, uint32_t, now, "value of the doorbell at wake")                                \
    F(in, uint32_t, idle, "1: no event is begun, so this instance may be rolled back to " \
      "its snapshot instead, and be entered again as boot.h says; with "                  \
      "MF_BOOT_WAIT_RINGS the node is rung, if it sleeps; else 0")                        \
    F(in, uint32_t, reserved, "0")

#define MF_HC_ring_FIELDS(F)                                                              \
    F(in, uint32_t, reserved, "0")

#define MF_HC_protect_FIELDS(F)                                                           \
    F(in, uint64_t, address, "page-aligned; MF_KERNEL_BASE or above")                     \
    F(in, uint64_t, bytes, "page-aligned, not 0; ends at or before the channel")          \
    F(in, uint32_t, prot, "MF_PROT_NONE, MF_PROT_READ or MF_PROT_READ|MF_PROT_WRITE; with " \
      "MF_BOOT_JIT, at MF_PROGRAM_BASE or above, either of the last two with "            \
      "MF_PROT_EXECUTE as well")                                                          \
    F(out, int32_t, error, "0 or -errno")

#define MF_HC_discard_FIELDS(F)                                                           \
    F(in, uint64_t, address, "page-aligned; MF_PROGRAM_BASE or above. Pages of the "      \
      "image, or of a mapped snapshot, may read as that had them instead")                \
    F(in, uint64_t, bytes, "page-aligned, not 0; ends at or before the channel")          \
    F(out, int32_t, error, "0 or -errno")                                                 \
    F(out, uint32_t, reserved, "0")

#define MF_HC_clock_FIELDS(F)                                                             \
    F(out, uint64_t, monotonic_ns, "CLOCK_MONOTONIC")                                     \
    F(out, uint64_t, realtime_ns, "CLOCK_REALTIME")

#define MF_HC_console_FIELDS(F)                                                           \
    F(in, uint64_t, address, "of the text, anywhere in the window below the channel")     \
    F(in, uint32_t, bytes, "at most MF_CONSOLE_MAX")                                      \
    F(out, int32_t, error, "0 or -errno")

#define MF_HC_fault_FIELDS(F)                                                             \
    F(in, uint32_t, cause, "an MF_CAUSE (cause.h); anything else counts as PROTOCOL")     \
    F(in, uint32_t, reserved, "0")

#define MF_HC_segment_FIELDS(F)                                                           \
    F(in, uint64_t, base, "below MF_SEGMENT_END")                                         \
    F(in, uint32_t, which, "MF_SEGMENT_FS or MF_SEGMENT_GS")                              \
    F(out, int32_t, error, "0 or -errno")

#define MF_HC_MEMBER(direction, type, name, meaning) type name;
#define MF_HC_STRUCT(nr, name, purpose) \
    struct mf_hc_##name { MF_HC_##name##_FIELDS(MF_HC_MEMBER) };
MF_HYPERCALLS(MF_HC_STRUCT)

#define MF_HC_NUMBER(nr, name, purpose) MF_HC_##name = nr,
enum mf_hypercall { MF_HYPERCALLS(MF_HC_NUMBER) };

_Static_assert(sizeof(struct mf_hc_halt) == 4, "ABI: halt");
_Static_assert(sizeof(struct mf_hc_wait) == 24, "ABI: wait");
_Static_assert(sizeof(struct mf_hc_ring) == 4, "ABI: ring");
_Static_assert(sizeof(struct mf_hc_protect) == 24, "ABI: protect");
_Static_assert(sizeof(struct mf_hc_discard) == 24, "ABI: discard");
_Static_assert(sizeof(struct mf_hc_clock) == 16, "ABI: clock");
_Static_assert(sizeof(struct mf_hc_console) == 16, "ABI: console");
_Static_assert(sizeof(struct mf_hc_fault) == 8, "ABI: fault");
_Static_assert(sizeof(struct mf_hc_segment) == 16, "ABI: segment");

/* Linux's values, so that the process monitor passes them on as they are. */
#define MF_PROT_NONE  0u
#define MF_PROT_READ  1u
#define MF_PROT_WRITE 2u
#define MF_PROT_EXECUTE 4u /* never without MF_PROT_READ */

#define MF_CONSOLE_MAX 4096u

/* x86-64's two segments with a base, and the end of what a base may be: the lower half of
 * 48-bit addresses less a page, as Linux has it. */
#define MF_SEGMENT_FS  0u
#define MF_SEGMENT_GS  1u
#define MF_SEGMENT_END 0x7ffffffff000ull

/* Under KVM: the port of call 0; the value written is the struct's address. */
#define MF_HC_PORT 0x500u

/* The gate's entry of call nr: a slot of 128 bytes each from the page's start. */
#define MF_GATE_SLOT_BYTES 128u
#define mf_gate_address(nr) ((uintptr_t)MF_GATE_BASE + (uintptr_t)(nr) * MF_GATE_SLOT_BYTES)
_Static_assert(MF_HYPERCALL_COUNT * MF_GATE_SLOT_BYTES <= MF_GATE_BYTES / 2,
               "the page's second half is the monitor's own");

#endif
