/* processor.c: acts against the processor: exceptions, privileged instructions, ways out. x86-64. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "acts.h"

#define ACT(name, text)                                                    \
    void act_##name(struct mayfly_event *event, struct mayfly_reply *reply) \
    {                                                                      \
        (void)event;                                                       \
        __asm__ volatile(text ::: "rax", "rcx", "rdx", "memory", "cc");    \
        survived(reply);                                                   \
    }

ACT(illegal, "ud2")
ACT(breakpoint, "int3")
ACT(halt_instruction, "hlt")
ACT(read_msr, "mov $0xc0000080, %%ecx; rdmsr")
ACT(port_in, "mov $0x60, %%edx; inb %%dx, %%al")
ACT(port_out, "mov $0x80, %%edx; outb %%al, %%dx")
ACT(unaligned_sse, "lea -15(%%rsp), %%rax; or $1, %%rax; movaps (%%rax), %%xmm0")
ACT(non_canonical, "mov $0x8000000000000000, %%rax; mov (%%rax), %%rax")
ACT(trap_flag, "pushfq; orq $0x100, (%%rsp); popfq; nop; nop")
ACT(wrfsbase_kernel, "mov $0xffff880000000000, %%rax; wrfsbase %%rax; mov %%fs:0, %%rax")
ACT(smashed_stack_pointer, "mov $0x10, %%esp; push %%rax")
ACT(divide, "xor %%edx, %%edx; xor %%ecx, %%ecx; mov $1, %%eax; div %%ecx")
ACT(divide_overflow, "mov $-1, %%edx; mov $1, %%ecx; mov $0, %%eax; div %%ecx")
ACT(float_trap, "push $0x1d80; ldmxcsr (%%rsp); pop %%rax; xor %%eax, %%eax;"
                "cvtsi2sd %%eax, %%xmm1; mov $1, %%eax; cvtsi2sd %%eax, %%xmm0; divsd %%xmm1, %%xmm0")
ACT(far_jump_32, "push $0x23; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: nop; ud2")

/* `int n` with n from the event: one instruction each, picked by address. */
extern const char interrupt_table[];
__asm__(".text\n.balign 16\ninterrupt_table:\n"
        ".set n, 0\n.rept 256\n.byte 0xcd, n\nret\n.byte 0x90\n.set n, n + 1\n.endr\n");

void act_interrupt(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *at = interrupt_table + 4 * (number_of(event, "n", 0) & 255);
    __asm__ volatile("xor %%eax, %%eax; call *%0" : : "r"(at) : "rax", "rcx", "r11", "memory");
    survived(reply);
}

void act_segment(struct mayfly_event *event, struct mayfly_reply *reply)
{
    uint16_t selector = (uint16_t)number_of(event, "selector", 0x10);
    __asm__ volatile("mov %0, %%ds" : : "r"(selector));
    survived(reply);
}

void act_aborts(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event, (void)reply;
    abort();
}

void act_exits(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)reply;
    exit((int)number_of(event, "code", 0));
}

void act_exits_group(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)reply;
    _exit((int)number_of(event, "code", 0));
}

void act_raises(struct mayfly_event *event, struct mayfly_reply *reply)
{
    raise((int)number_of(event, "signal", SIGTERM));
    survived(reply);
}
