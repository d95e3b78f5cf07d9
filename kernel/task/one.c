/*
 * one.c: the one task of kernel.elf, which is nothing but what runs.
 * Guarantees: a call that has to wait lets all wait. Owns nothing.
 */
#include "kernel/core/start.h"
#include "kernel/linux/call.h"
#include "kernel/linux/one/signal.h"
#include "kernel/task/task.h"

const uint64_t start_vdso;

void task_start(void)
{
}

void task_preempt(struct frame *frame)
{
    (void)frame;
}

bool linux_call(struct frame *frame)
{
    int64_t result = call_serve(frame);
    if (frame->call == LINUX_NR_rt_sigreturn && result == 0) {
        (void)signal_deliver(frame); /* those that the old mask lets through */
        return true;
    }
    frame_result_set(frame, result);
    frame->trap.rflags &= ~(uint64_t)FLAG_TRAP; /* else it would trap in here */
    return signal_deliver(frame);
}
