/*
 * cause.h: why an instance ended. The exit status of its monitor's process is 0
 * for `halt`, MF_CAUSE_STATUS + cause for a fault that guest or monitor noticed;
 * a signal, or any other status, is for the node to name (killed, protocol).
 */
#ifndef MF_ABI_CAUSE_H
#define MF_ABI_CAUSE_H

/* X(number, NAME, name in logs and answers, meaning) */
#define MF_CAUSES(X)                                                                      \
    X(1, PAGE_FAULT, "page-fault", "touched memory that is not there or not allowed")     \
    X(2, STACK_OVERFLOW, "stack-overflow", "ran into the guard below a stack")            \
    X(3, ILLEGAL_INSTRUCTION, "illegal-instruction", "not an instruction here")           \
    X(4, DIVIDE, "divide", "integer division by zero or overflow")                        \
    X(5, PROTECTION, "protection", "an instruction that ring 3 may not execute")          \
    X(6, FLOATING_POINT, "floating-point", "an unmasked floating-point exception")        \
    X(7, BREAKPOINT, "breakpoint", "int3 or a debug trap")                                \
    X(8, ALIGNMENT, "alignment", "an unaligned or non-canonical access")                  \
    X(9, STACK_SMASHED, "stack-smashed", "a stack canary was overwritten")                \
    X(10, ABORTED, "aborted", "the program called abort, or an assertion failed")         \
    X(11, EXITED, "exited", "the program ended while it owed an answer")                  \
    X(12, NO_MEMORY, "no-memory", "the kernel itself ran out of memory")                  \
    X(13, PROTOCOL, "protocol", "nonsense in a hypercall or on the channel")              \
    X(14, SIGNAL, "signal", "ended by a signal the program sent to itself")               \
    X(15, TRIPLE_FAULT, "triple-fault", "the virtual processor shut down")                \
    X(16, KERNEL_BUG, "kernel-bug", "the library OS broke one of its own rules")          \
    X(17, HOST, "host", "the monitor could not go on: host error or refused lock-down")

#define MF_CAUSE_ENUM(nr, NAME, name, meaning) MF_CAUSE_##NAME = nr,
enum mf_cause { MF_CAUSE_NONE = 0, MF_CAUSES(MF_CAUSE_ENUM) MF_CAUSE_COUNT };

#define MF_CAUSE_STATUS 128

#endif
