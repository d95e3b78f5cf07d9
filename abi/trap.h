/*
 * trap.h: how system calls and exceptions reach the kernel, alike under every
 * monitor. Both arrive in ring 3, in plain code: no signal frame, no ring 0, and
 * nothing to return from but an ordinary jump or iretq. x86-64.
 *
 * A `syscall` instruction arrives at kernel_syscall with RCX = address after the
 * instruction, R11 = RFLAGS, everything else, RSP and vector state included, as
 * the program left it (Intel SDM, SYSCALL). Return: load RFLAGS and jump to RCX.
 *
 * An exception arrives at kernel_exception with RSP = trap_stack_top -
 * sizeof(struct mf_trap), the struct standing there, all other general registers
 * and the vector state as they were. Return: `iretq` with its last five words.
 * The trap stack is used again by the next exception: a kernel that wants to
 * survive one moves the record away first. An exception that finds RSP still where
 * the last one put it (the kernel's first instructions fault) may end the instance,
 * as triple-fault, instead of arriving for ever.
 *
 * Where the image asks for it (image.h, MF_IMAGE_LINUX), a preempt falls due whenever
 * the guest has used some milliseconds more of processor time: never while it waits, nor
 * by the clock on the wall. The word at MF_PREEMPT_COUNT, 0 at every start, restore and
 * rollback, counts it. If the program runs then (its next instruction stands at
 * MF_PROGRAM_BASE or above), it arrives like an exception, as MF_VECTOR_PREEMPT, address
 * and error 0. If kernel or gate run, it does not arrive, then or later: a kernel that
 * leaves compares the count with what it was. So neither kernel nor trap stack is ever
 * interrupted by one.
 *
 * Either way TF is clear on arrival, whatever R11 or the record say; the other flags
 * may be the program's.
 *
 * Selectors are Linux's: CS 0x33, SS 0x2b. FS and GS bases are the guest's own, by
 * wrfsbase and its like or, with MF_BOOT_SEGMENTS (boot.h), by the hypercall `segment`.
 */
#ifndef MF_ABI_TRAP_H
#define MF_ABI_TRAP_H

#include <stdint.h>

#include "abi/layout.h"

#define MF_CS 0x33u
#define MF_SS 0x2bu

/* Vectors of the Intel SDM, volume 3, table 6-1. */
#define MF_VECTOR_DIVIDE        0u
#define MF_VECTOR_DEBUG         1u
#define MF_VECTOR_BREAKPOINT    3u
#define MF_VECTOR_OVERFLOW      4u
#define MF_VECTOR_INVALID       6u
#define MF_VECTOR_STACK         12u
#define MF_VECTOR_PROTECTION    13u
#define MF_VECTOR_PAGE_FAULT    14u
#define MF_VECTOR_X87           16u
#define MF_VECTOR_ALIGNMENT     17u
#define MF_VECTOR_SIMD          19u
#define MF_VECTOR_PREEMPT       256u /* no exception has it */

/* uint32_t, to be read only: preempts that fell due. */
#define MF_PREEMPT_COUNT (MF_GATE_DATA_BASE + 0x20u)

/* Error code of a page fault, same source, 4.7. */
#define MF_PF_PRESENT 1u
#define MF_PF_WRITE   2u
#define MF_PF_FETCH   16u

/* A program that ends itself for a cause of its own executes `ud2` with RDX =
 * MF_TRAP_MARK and EAX = MF_CAUSE_STACK_SMASHED or MF_CAUSE_ABORTED (cause.h); the
 * fault report then names that cause. Any other value is an illegal instruction. The
 * SDK's __stack_chk_fail does so. */
#define MF_TRAP_MARK 0x6c75616679616d21ull

struct mf_trap {
    uint64_t vector;  /* MF_VECTOR_…                                   */
    uint64_t address; /* page fault: the address touched; else 0       */
    uint64_t error;   /* the processor's error code, 0 where none      */
    uint64_t rip;     /* from here on what iretq takes                 */
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};
_Static_assert(sizeof(struct mf_trap) == 64, "ABI: mf_trap");

#endif
