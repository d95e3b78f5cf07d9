/*
 * signal_frame.c: Linux's signal frame for x86-64 (its struct rt_sigframe, and the
 * XSAVE area with its software-reserved bytes, asm/sigcontext.h).
 * Guarantees: vector state is saved and restored as far as the monitor enabled it;
 * a forged frame cannot make the kernel itself fault.
 * Owns one buffer for vector state.
 */
#include "kernel/x86_64/signal_frame.h"

#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <stdbool.h>

#include "kernel/core/bss.h"
#include "kernel/core/limits.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/x86_64/vector.h"

#define MAGIC2_BYTES ((uint32_t)FP_XSTATE_MAGIC2_SIZE)
#define FLAGS_OF_PROGRAMS 0x40dd5ull /* arithmetic, TF, DF, OF, AC */
#define FLAGS_ALWAYS 2ull
#define ADDRESS_BITS 47

/* Linux's layout; the handler is entered as if called from `restorer`. */
struct rt_sigframe {
    uint64_t restorer;
    struct ucontext context;
    struct siginfo info;
};

static struct {
    struct vector state; /* no bytes: not known yet */
    uint8_t area[XSTATE_BYTES_MAX] __attribute__((aligned(VECTOR_ALIGN)));
} vector BSS_LARGE;

static void know_vector(void);
static int vector_push(uint64_t at);
static int vector_pop(uint64_t at);
static void registers_save(struct sigcontext *to, const struct frame *frame);
static void registers_restore(struct frame *frame, const struct sigcontext *from);

int signal_frame_push(struct frame *frame, uint64_t sp, const struct sigaction *action,
                      const struct siginfo *info, uint64_t mask, const stack_t *stack)
{
    know_vector();
    uint64_t vector_at =
        (sp - vector.state.bytes - MAGIC2_BYTES) & ~(uint64_t)(VECTOR_ALIGN - 1);
    /* At a function's first instruction RSP + 8 is a multiple of 16. */
    uint64_t at = ((vector_at - sizeof(struct rt_sigframe)) & ~15ull) - 8;
    struct rt_sigframe built = {
        .restorer = (uint64_t)action->sa_restorer,
        .context = {
            .uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
                        (vector.state.components ? UC_FP_XSTATE : 0),
            .uc_stack = *stack,
            .uc_sigmask = mask,
        },
        .info = *info,
    };
    registers_save(&built.context.uc_mcontext, frame);
    built.context.uc_mcontext.oldmask = mask;
    built.context.uc_mcontext.fpstate = (struct _fpstate *)vector_at;
    if (vector_push(vector_at) != 0 || user_write(at, &built, sizeof built) != 0)
        return -EFAULT;

    frame->trap.rip = (uint64_t)action->sa_handler;
    frame->trap.rsp = at;
    frame->trap.rflags = FLAGS_ALWAYS;
    frame->rdi = (uint64_t)info->si_signo;
    frame->rsi = at + offsetof(struct rt_sigframe, info);
    frame->rdx = at + offsetof(struct rt_sigframe, context);
    frame->rax = 0;
    return 0;
}

int signal_frame_pop(struct frame *frame, uint64_t *mask, stack_t *stack)
{
    struct rt_sigframe saved;
    uint64_t at = frame->trap.rsp - sizeof saved.restorer; /* the handler returned */
    if (user_read(&saved, at, sizeof saved) != 0)
        return -EFAULT;
    const struct sigcontext *context = &saved.context.uc_mcontext;
    if (context->rip >> ADDRESS_BITS)
        return -EFAULT;
    if (context->fpstate && vector_pop((uint64_t)context->fpstate) != 0)
        return -EFAULT;
    registers_restore(frame, context);
    *mask = saved.context.uc_sigmask;
    *stack = saved.context.uc_stack;
    return 0;
}

static void know_vector(void)
{
    if (vector.state.bytes == 0)
        vector.state = vector_find(XSTATE_BYTES_MAX - MAGIC2_BYTES);
}

static int vector_push(uint64_t at)
{
    uint32_t bytes = vector.state.bytes;
    memset(vector.area, 0, bytes + MAGIC2_BYTES);
    vector_save(&vector.state, vector.area);
    if (vector.state.components) {
        const uint32_t end = FP_XSTATE_MAGIC2;
        const struct _fpx_sw_bytes tag = {
            .magic1 = FP_XSTATE_MAGIC1,
            .extended_size = bytes + MAGIC2_BYTES,
            .xfeatures = vector.state.components,
            .xstate_size = bytes,
        };
        memcpy(vector.area + VECTOR_LEGACY_BYTES - sizeof tag, &tag, sizeof tag);
        memcpy(vector.area + bytes, &end, sizeof end);
        bytes += MAGIC2_BYTES;
    }
    return user_write(at, vector.area, bytes);
}

static int vector_pop(uint64_t at)
{
    const struct vector legacy = {.components = 0, .bytes = VECTOR_LEGACY_BYTES};
    struct _fpx_sw_bytes tag;
    know_vector();
    if (user_read(vector.area, at, VECTOR_LEGACY_BYTES) != 0)
        return -EFAULT;
    memcpy(&tag, vector.area + VECTOR_LEGACY_BYTES - sizeof tag, sizeof tag);
    if (!vector.state.components || tag.magic1 != FP_XSTATE_MAGIC1 ||
        tag.xstate_size != vector.state.bytes)
        return vector_restore(&legacy, vector.area) ? -EFAULT : 0;
    if (user_read(vector.area, at, vector.state.bytes) != 0)
        return -EFAULT;
    return vector_restore(&vector.state, vector.area) ? -EFAULT : 0;
}

static void registers_save(struct sigcontext *to, const struct frame *frame)
{
    *to = (struct sigcontext){
        .r8 = frame->r8, .r9 = frame->r9, .r10 = frame->r10, .r11 = frame->r11,
        .r12 = frame->r12, .r13 = frame->r13, .r14 = frame->r14, .r15 = frame->r15,
        .rdi = frame->rdi, .rsi = frame->rsi, .rbp = frame->rbp, .rbx = frame->rbx,
        .rdx = frame->rdx, .rax = frame->rax, .rcx = frame->rcx,
        .rsp = frame->trap.rsp, .rip = frame->trap.rip, .eflags = frame->trap.rflags,
        .cs = MF_CS, .ss = MF_SS,
    };
    if (frame->trap.vector == FRAME_VECTOR_CALL)
        return;
    to->trapno = frame->trap.vector;
    to->err = frame->trap.error;
    to->cr2 = frame->trap.address;
}

static void registers_restore(struct frame *frame, const struct sigcontext *from)
{
    frame->r8 = from->r8, frame->r9 = from->r9, frame->r10 = from->r10;
    frame->r11 = from->r11, frame->r12 = from->r12, frame->r13 = from->r13;
    frame->r14 = from->r14, frame->r15 = from->r15, frame->rdi = from->rdi;
    frame->rsi = from->rsi, frame->rbp = from->rbp, frame->rbx = from->rbx;
    frame->rdx = from->rdx, frame->rax = from->rax, frame->rcx = from->rcx;
    frame->trap.rsp = from->rsp;
    frame->trap.rip = from->rip;
    frame->trap.rflags = (from->eflags & FLAGS_OF_PROGRAMS) | FLAGS_ALWAYS;
}
