/*
 * trap.c: exceptions: whose they are, and what follows.
 * Guarantees: a fault while the kernel reads the program's memory is that system
 * call's EFAULT; one in the program goes to its signal handler, if it has one, and
 * else into a report that names it; one in the kernel is reported as the kernel's;
 * one while reporting ends the instance at once. Nothing loops.
 * Leaves to others: the record (abi/trap.h: the monitor's), signals (linux/one/signal.c, linux/many/signal.c).
 * Owns nothing.
 */
#include "kernel/x86_64/trap.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "kernel/core/boot.h"
#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/limits.h"
#include "kernel/core/memory.h"
#include "kernel/core/user.h"
#include "kernel/linux/signal.h"
#include "kernel/task/task.h"
#include "kernel/x86_64/instruction.h"

static bool in_kernel(const struct frame *frame);
static struct fault_signal decode(const struct frame *frame);
static enum mf_cause page_fault_cause(const struct frame *frame);
static enum mf_cause protection_cause(const struct frame *frame);
static void describe(const struct frame *frame, struct text *detail);

/* What an exception is: for the report, and for a handler of the program's own. */
struct fault_signal {
    enum mf_cause cause;
    int number, code;
    uint64_t address;
};

struct frame *trap_place(struct frame *frame)
{
    bool kernels = in_kernel(frame);
    if (kernels && user_fixup(frame->trap.rip))
        return frame; /* short, and sure not to fault: stays on the trap stack */
    if (kernels && fault_reporting())
        hypercall_fault(MF_CAUSE_KERNEL_BUG);
    uintptr_t top = (uintptr_t)(kernels ? kernel_panic_stack_top : kernel_stack_top);
    struct frame *placed = (struct frame *)(top - sizeof *placed);
    *placed = *frame;
    return placed;
}

void trap_handle(struct frame *frame)
{
    bool page_fault = frame->trap.vector == MF_VECTOR_PAGE_FAULT;
    if (frame->trap.vector == MF_VECTOR_PREEMPT) { /* of the program: the kernel gets none */
        task_preempt(frame);
        return;
    }
    if (page_fault && memory_grow_stack(frame->trap.address))
        return;
    if (in_kernel(frame)) {
        uint64_t landing = user_fixup(frame->trap.rip);
        if (landing) {
            frame->trap.rip = landing;
            return;
        }
    }
    struct fault_signal fault = decode(frame);
    if (!in_kernel(frame) &&
        signal_fault(frame, fault.number, fault.code, fault.address))
        return;
    struct text detail = {.bytes = 0};
    describe(frame, &detail);
    fault_program(in_kernel(frame) ? MF_CAUSE_KERNEL_BUG : fault.cause, frame,
                  text_string(&detail));
}

/* Kernel code on a kernel stack; or in the monitor's gate, which only we enter so. */
static bool in_kernel(const struct frame *frame)
{
    uint64_t rip = frame->trap.rip;
    uint64_t rsp = frame->trap.rsp;
    bool code = (rip >= (uint64_t)kernel_text_start && rip < (uint64_t)kernel_text_end) ||
                (rip >= MF_GATE_BASE && rip < MF_GATE_BASE + MF_GATE_BYTES);
    return code && rsp >= (uint64_t)kernel_stack_guard && rsp <= (uint64_t)kernel_end;
}

static struct fault_signal decode(const struct frame *frame)
{
    const struct mf_trap *trap = &frame->trap;
    uint64_t rip = trap->rip;
    switch (trap->vector) {
    case MF_VECTOR_DIVIDE:
        return (struct fault_signal){MF_CAUSE_DIVIDE, SIGFPE, FPE_INTDIV, rip};
    case MF_VECTOR_DEBUG:
    case MF_VECTOR_BREAKPOINT:
        return (struct fault_signal){MF_CAUSE_BREAKPOINT, SIGTRAP, TRAP_BRKPT, rip};
    case MF_VECTOR_INVALID:
        if (frame->rdx == MF_TRAP_MARK && (uint32_t)frame->rax == MF_CAUSE_STACK_SMASHED)
            return (struct fault_signal){MF_CAUSE_STACK_SMASHED, 0, 0, rip};
        if (frame->rdx == MF_TRAP_MARK && (uint32_t)frame->rax == MF_CAUSE_ABORTED)
            return (struct fault_signal){MF_CAUSE_ABORTED, 0, 0, rip};
        return (struct fault_signal){MF_CAUSE_ILLEGAL_INSTRUCTION, SIGILL, ILL_ILLOPN, rip};
    case MF_VECTOR_PAGE_FAULT:
        if (memory_is_behind(trap->address))
            return (struct fault_signal){MF_CAUSE_PAGE_FAULT, SIGBUS, BUS_ADRERR, trap->address};
        return (struct fault_signal){page_fault_cause(frame), SIGSEGV,
                                     memory_is_owned(trap->address) ? SEGV_ACCERR : SEGV_MAPERR,
                                     trap->address};
    case MF_VECTOR_X87:
    case MF_VECTOR_SIMD:
        return (struct fault_signal){MF_CAUSE_FLOATING_POINT, SIGFPE, FPE_FLTINV, rip};
    case MF_VECTOR_ALIGNMENT:
        return (struct fault_signal){MF_CAUSE_ALIGNMENT, SIGBUS, BUS_ADRALN, 0};
    case MF_VECTOR_STACK: /* a non-canonical address by way of RSP or RBP */
        return (struct fault_signal){MF_CAUSE_ALIGNMENT, SIGBUS, SI_KERNEL, 0};
    default:
        return (struct fault_signal){protection_cause(frame), SIGSEGV, SI_KERNEL, 0};
    }
}

static enum mf_cause page_fault_cause(const struct frame *frame)
{
    return memory_is_guard(frame->trap.address) ? MF_CAUSE_STACK_OVERFLOW : MF_CAUSE_PAGE_FAULT;
}

/* #GP has many reasons. With no selector in the error code, and an instruction that
 * is not privileged, what is left is its operand's address. */
static enum mf_cause protection_cause(const struct frame *frame)
{
    uint8_t code[CODE_BYTES_MAX];
    size_t bytes = sizeof code;
    if (frame->trap.vector != MF_VECTOR_PROTECTION || frame->trap.error != 0)
        return MF_CAUSE_PROTECTION;
    while (bytes && user_read(code, frame->trap.rip, bytes) != 0)
        bytes--; /* the page may end sooner */
    bool privileged = bytes == 0 || instruction_is_privileged(code, bytes);
    return privileged ? MF_CAUSE_PROTECTION : MF_CAUSE_ALIGNMENT;
}

static void describe(const struct frame *frame, struct text *detail)
{
    const struct mf_trap *trap = &frame->trap;
    if (in_kernel(frame))
        text_add(detail, " in=kernel");
    if (trap->vector == MF_VECTOR_PAGE_FAULT) {
        text_add(detail, " address=");
        text_hex(detail, trap->address);
        text_add(detail, trap->error & MF_PF_FETCH   ? " access=execute"
                         : trap->error & MF_PF_WRITE ? " access=write"
                                                     : " access=read");
    } else {
        text_add(detail, " vector=");
        text_decimal(detail, trap->vector);
        if (trap->error) {
            text_add(detail, " error=");
            text_hex(detail, trap->error);
        }
    }
}
