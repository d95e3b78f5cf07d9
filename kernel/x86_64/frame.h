/*
 * frame.h: the registers of an interrupted program, as entry.S lays them on a kernel
 * stack for a system call and for an exception alike.
 */
#ifndef KERNEL_X86_64_FRAME_H
#define KERNEL_X86_64_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "abi/trap.h"
#include "kernel/x86_64/offsets.h"

struct frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t call; /* number of the system call; no number for an exception */
    struct mf_trap trap;
};
_Static_assert(sizeof(struct frame) == FRAME_BYTES, "entry.S; a multiple of 16 keeps stacks aligned");
_Static_assert(offsetof(struct frame, trap.rip) - offsetof(struct frame, call) ==
                   FRAME_BEFORE_RIP, "entry.S");
_Static_assert(MF_CS == SELECTOR_CS && MF_SS == SELECTOR_SS, "entry.S");
_Static_assert(offsetof(struct mf_trap, rsp) == sizeof(struct mf_trap) - 16, "entry.S");

/* Linux's convention for system calls (man 2 syscall). */
static inline uint64_t frame_argument(const struct frame *frame, unsigned n)
{
    switch (n) {
    case 0: return frame->rdi;
    case 1: return frame->rsi;
    case 2: return frame->rdx;
    case 3: return frame->r10;
    case 4: return frame->r8;
    default: return frame->r9;
    }
}

static inline void frame_result_set(struct frame *frame, int64_t result)
{
    frame->rax = (uint64_t)result;
}

/* The instruction before the place to which a system call returns: a `syscall`, if it was made by
 * one, or may be made again by one (image/stubs.h). */
static inline uint64_t frame_caller(const struct frame *frame)
{
    enum { SYSCALL_BYTES = 2 };
    return frame->trap.rip - SYSCALL_BYTES;
}

/* Where the program made its system call, for people: of a stub, where that stands in the program. */
uint64_t frame_site(const struct frame *frame);

#define FLAG_TRAP 0x100u     /* RFLAGS: single step */
#define FLAG_DIRECTION 0x400u

#endif
