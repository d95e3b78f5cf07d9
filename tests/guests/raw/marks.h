/*
 * marks.h: a guest that is rolled back after each event leaves a mark wherever it can
 * (ORDER_MARK), and looks for marks when it begins anew (ORDER_LOOK). A mark is a word whose
 * halves fit together, not one value, so that looking for it does not write it.
 */
#ifndef MF_TESTS_RAW_MARKS_H
#define MF_TESTS_RAW_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#define MARK_KEY 0x5bd1e995u

static inline uint64_t mark_of(uint32_t number)
{
    __asm__("" : "+r"(number)); /* or the text would hold marks */
    return (uint64_t)(~number ^ MARK_KEY) << 32 | number;
}

static inline bool is_mark(uint64_t word)
{
    return (uint32_t)(word >> 32) == (~(uint32_t)word ^ MARK_KEY);
}

/* How far ORDER_MARK goes: order.number. */
enum mark_way {
    MARK_AND_IDLE,  /* everything, its own data and stack last; then say idle, from asm   */
    MARK_AND_ENTER, /* all but its own data; then to the kernel's first instruction       */
    MARK_AND_STRING /* everything; then say idle by an instruction that repeats           */
};

/* The answer to ORDER_LOOK. Two looks that find the same have the same bytes. */
struct looked {
    uint64_t marks_in_memory;
    uint64_t first_mark;           /* where                                                */
    uint64_t marks_in_registers;   /* general ones, bases                                  */
    uint64_t marks_in_vectors;     /* of XSAVE's or FXSAVE's area                          */
    uint64_t readable, writable;   /* pages                                                */
    uint64_t memory_digest;        /* of them all, and of which they are; but for the boot
                                      page and the channel                                 */
    uint64_t gate_digest;          /* of the gate's page, as it was before the look        */
    uint64_t vectors_digest;       /* XSTATE_BV, control words and all                     */
    uint64_t registers[16];        /* as at the kernel's first instruction: rax, rcx, rdx,
                                      rbx, rsp, rbp, rsi, rdi, r8 to r15                   */
    uint64_t fs_base, gs_base, flags;
    uint64_t selectors[6];         /* es, cs, ss, ds, fs, gs                               */
    uint64_t flags_of_boot;        /* mf_boot.flags                                        */
    uint64_t debug[6];             /* DR0 to DR3, DR6, DR7; all ones: cannot be read        */
};

#endif
