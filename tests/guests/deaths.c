/*
 * deaths.c: the hostile function, act by act: one table, run under either sandbox. Each
 * case gets an instance of its own; kvm NULL: as under process.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"
#include "tests/unit/machine.h"

struct death {
    const char *target;
    const char *process, *kvm;
    bool hangs; /* ends by the deadline only */
};

/* Errors as the SDK's strerror words them; numbers as Linux numbers them. */
static const struct death deaths[] = {
    {"/hello", "replies hello", NULL, false},
    /* memory: what is there but not for that */
    {"/write_text", "dies page-fault", NULL, false},
    {"/write_rodata", "dies page-fault", NULL, false},
    {"/execute_data", "dies page-fault", NULL, false},
    {"/execute_stack", "dies page-fault", NULL, false},
    {"/execute_heap", "dies page-fault", NULL, false},
    {"/execute_mapping", "dies page-fault", NULL, false},
    {"/read_zero", "dies page-fault", NULL, false},
    {"/write_zero", "dies page-fault", NULL, false},
    {"/jump_zero", "dies page-fault", NULL, false},
    {"/read_at?at=0xffff", "dies page-fault", NULL, false},
    {"/heap_use_after_unmap", "dies page-fault", NULL, false},
    {"/map_over_data", "replies zeros|replies refused", NULL, false},
    /* past the window, which is 16 MiB here */
    {"/read_at?at=0x1000000", "dies page-fault", NULL, false},
    {"/write_at?at=0x1000000", "dies page-fault", NULL, false},
    {"/jump_at?at=0x1000000", "dies page-fault", NULL, false},
    {"/read_at?at=0x7fffffffe000", "dies page-fault", NULL, false},
    {"/read_at?at=0x555555554000", "dies page-fault", NULL, false},
    {"/read_at?at=0x7ffffffff000", "dies page-fault", NULL, false},
    {"/read_at?at=0xffffffffff600000", "dies page-fault|dies alignment|dies protection", NULL, false},
    {"/read_at?at=0xffffffff81000000", "dies page-fault|dies alignment|dies protection", NULL, false},
    {"/read_at?at=0x8000000000000000", "dies alignment|dies protection", NULL, false},
    {"/jump_at?at=0xffffffff81000000", "dies page-fault|dies alignment|dies protection", NULL, false},
    {"/jump_at?at=0x8000000000000000", "dies alignment|dies protection", NULL, false},
    /* the monitor's own, low */
    {"/write_at?at=0x10000", "dies page-fault", NULL, false},
    {"/write_at?at=0x20000", "dies page-fault", NULL, false},
    {"/write_at?at=0x20800", "dies page-fault", NULL, false},
    {"/read_at?at=0x21000", "dies page-fault", NULL, false},
    {"/read_at?at=0xfffff", "dies page-fault", NULL, false},
    {"/jump_at?at=0x10000", "dies page-fault", NULL, false},
    {"/jump_at?at=0x30000", "dies page-fault", NULL, false},
    {"/write_at?at=0x100000", "dies page-fault", NULL, false}, /* the kernel's text */
    /* protection cannot be bent */
    {"/protect_execute", "replies refused: *", NULL, false},
    {"/map_execute", "replies refused: *", NULL, false},
    {"/protect_gate?at=0x10000", "replies refused: *", NULL, false},
    {"/protect_gate?at=0x20000", "replies refused: *", NULL, false},
    {"/protect_gate?at=0x30000", "replies refused: *", NULL, false},
    {"/protect_gate?at=0x100000", "replies refused: *", NULL, false},
    {"/protect_gate?at=0x1000000", "replies refused: *", NULL, false},
    {"/protect_gate?at=0x7fffffffe000", "replies refused: *", NULL, false},
    {"/unmap_kernel?at=0x20000", "replies refused: *", NULL, false},
    {"/unmap_kernel?at=0x100000", "replies refused: *", NULL, false},
    {"/map_fixed_low?at=0x0", "replies refused: *", NULL, false},
    {"/map_fixed_low?at=0x20000", "replies refused: *", NULL, false},
    {"/map_fixed_low?at=0x100000", "replies refused: *", NULL, false},
    {"/map_fixed_low?at=0x1000000", "replies refused: *", NULL, false},
    {"/map_fixed_low?at=0xf7c000", "replies refused: *", NULL, false}, /* the channel */
    /* the stack */
    {"/stack_overflow", "dies stack-overflow", NULL, false},
    {"/stack_overflow_vla", "dies stack-overflow|dies page-fault", NULL, false},
    {"/smash_canary", "dies stack-smashed", NULL, false},
    {"/smashed_stack_pointer", "dies page-fault|dies stack-overflow", NULL, false},
    /* the processor */
    {"/illegal", "dies illegal-instruction", NULL, false},
    {"/divide", "dies divide", NULL, false},
    {"/divide_overflow", "dies divide", NULL, false},
    {"/breakpoint", "dies breakpoint", NULL, false},
    {"/trap_flag", "dies breakpoint", "dies breakpoint|dies timeout", false},
    {"/halt_instruction", "dies protection", NULL, false},
    {"/read_msr", "dies protection", NULL, false},
    {"/port_in", "dies protection", "dies protection|dies protocol", false},
    {"/port_out", "dies protection", "dies protection|dies protocol", false},
    {"/unaligned_sse", "dies protection|dies alignment", NULL, false},
    {"/non_canonical", "dies alignment|dies protection", NULL, false},
    {"/float_trap", "dies floating-point", NULL, false},
    {"/wrfsbase_kernel", "dies *", NULL, false},
    {"/segment?selector=0x10", "dies protection", NULL, false},
    {"/interrupt?n=0", "dies protection", "dies protection|dies illegal-instruction", false},
    {"/interrupt?n=3", "dies breakpoint", NULL, false},
    {"/interrupt?n=14", "dies protection", "dies protection|dies illegal-instruction", false},
    {"/interrupt?n=32", "dies protection", "dies protection|dies illegal-instruction", false},
    /* ways to end */
    {"/aborts", "dies aborted", NULL, false},
    {"/exits", "dies exited", NULL, false},
    {"/exits?code=7", "dies exited", NULL, false},
    {"/exits_group", "dies exited", NULL, false},
    {"/raises?signal=15", "dies signal", NULL, false},
    {"/raises?signal=9", "dies signal", NULL, false},
    {"/raises?signal=11", "dies signal*|dies page-fault", NULL, false},
    {"/raises?signal=6", "dies aborted|dies signal", NULL, false},
    {"/fails", "fails on purpose", NULL, false},
    {"/two_replies", "replies *|fails *", NULL, false},
    /* the host's system calls, from the program; 38 ENOSYS, 1 EPERM, 2 ENOENT, 9 EBADF … */
    {"/call?nr=2&a=s/etc/passwd", "replies refused *", NULL, false},
    {"/call?nr=257&a=-100&b=s/etc/passwd", "replies refused *", NULL, false},
    {"/call?nr=437&a=-100&b=s/etc/passwd", "replies refused *", NULL, false},
    {"/call?nr=41&a=2&b=1", "replies refused *", NULL, false},          /* socket        */
    {"/call?nr=53&a=1&b=1&d=0x500000", "replies refused *", NULL, false}, /* socketpair  */
    {"/call?nr=59&a=s/bin/sh", "replies refused *", NULL, false},       /* execve        */
    {"/call?nr=322&a=-100&b=s/bin/sh", "replies refused *", NULL, false}, /* execveat    */
    {"/call?nr=101&a=0", "replies refused *", NULL, false},             /* ptrace        */
    {"/call?nr=56&a=0x11", "replies refused *", NULL, false},           /* clone         */
    {"/call?nr=435&a=0x500000&b=88", "replies refused *", NULL, false}, /* clone3        */
    {"/call?nr=57", "replies refused *", NULL, false},                  /* fork          */
    {"/call?nr=58", "replies refused *", NULL, false},                  /* vfork         */
    {"/call?nr=10&a=0x7ffffffde000&b=0x1000&c=7", "replies refused *", NULL, false},
    {"/call?nr=10&a=0x20000&b=0x1000&c=3", "replies refused *", NULL, false},
    {"/call?nr=1&a=3&b=0x400000&c=8", "replies refused 9", NULL, false},
    {"/call?nr=1&a=4&b=0x400000&c=8", "replies refused 9", NULL, false},
    {"/call?nr=1&a=5&b=0x400000&c=8", "replies refused 9", NULL, false},
    {"/call?nr=1&a=6&b=0x400000&c=8", "replies refused 9", NULL, false},
    {"/call?nr=1&a=0xffffffff&b=0x400000&c=8", "replies refused 9", NULL, false},
    {"/call?nr=1&a=1&b=0xffff880000000000&c=8", "replies refused 14", NULL, false},
    {"/call?nr=1&a=1&b=0xfff000&c=0xffffffffffffffff", "replies refused 14", NULL, false},
    {"/call?nr=0&a=0&b=0xffff880000000000&c=8", "replies refused 14|replies result 0", NULL, false},
    {"/call?nr=228&a=1&b=0x20000", "replies refused 14", NULL, false},   /* clock → gate  */
    {"/call?nr=228&a=1&b=0x10000", "replies refused 14", NULL, false},   /* clock → boot  */
    {"/call?nr=318&a=0x100000&b=16", "replies refused 14", NULL, false}, /* getrandom → our text */
    {"/call?nr=62&a=1&b=9", "replies refused *", NULL, false},           /* kill init     */
    {"/call?nr=62&a=-1&b=9", "replies refused *|dies signal", NULL, false},
    {"/call?nr=165&a=s/&b=s/&c=s/&d=0x1000", "replies refused *", NULL, false}, /* mount */
    {"/call?nr=272&a=0x10000000", "replies refused *", NULL, false},     /* unshare       */
    {"/call?nr=308&a=0", "replies refused *", NULL, false},              /* setns         */
    {"/call?nr=317&a=1", "replies refused *", NULL, false},              /* seccomp       */
    {"/call?nr=157&a=38&b=1", "replies refused *|replies result 0", NULL, false}, /* prctl */
    {"/call?nr=158&a=0x1001&b=0xffff880000000000", "replies refused *", NULL, false}, /* ARCH_SET_GS */
    {"/call?nr=154&a=1", "replies refused *", NULL, false},              /* modify_ldt    */
    {"/call?nr=172&a=3", "replies refused *", NULL, false},              /* iopl          */
    {"/call?nr=173&a=0&b=0x3ff&c=1", "replies refused *", NULL, false},  /* ioperm        */
    {"/call?nr=321&a=0", "replies refused *", NULL, false},              /* bpf           */
    {"/call?nr=298&a=0", "replies refused *", NULL, false},              /* perf_event_open */
    {"/call?nr=323&a=0", "replies refused *", NULL, false},              /* userfaultfd   */
    {"/call?nr=425&a=8&b=0x500000", "replies refused *", NULL, false},   /* io_uring_setup */
    {"/call?nr=310&a=1&b=0x500000&c=1&d=0x500000&e=1", "replies refused *", NULL, false},
    {"/call?nr=319&a=sx", "replies refused *", NULL, false},             /* memfd_create  */
    {"/call?nr=250&a=0", "replies refused *", NULL, false},              /* keyctl        */
    {"/call?nr=175&a=0x400000&b=4", "replies refused *", NULL, false},   /* init_module   */
    {"/call?nr=169&a=0xfee1dead", "replies refused *", NULL, false},     /* reboot        */
    {"/call?nr=0x40000001&a=1&b=0x400000&c=1", "replies refused *|dies *", NULL, false}, /* x32 */
    {"/call?nr=0xffffffff", "replies refused *|dies *", NULL, false},
    {"/call?nr=0x6d6600&a=0&b=0&c=0", "replies refused *|dies *|fails *", NULL, false}, /* `next` */
    {"/call?nr=0x6d6600&a=0xffff880000000000&b=0x20000&c=0xffffffffffffffff",
     "replies refused *|dies *|fails *", NULL, false},
    {"/call?nr=0x6d6602&a=200&b=0xffff880000000000&c=0xffffffffffffffff", "replies *|fails *", NULL, false},
    {"/call?nr=0x6d6602&a=99&b=0&c=0&d=0&e=0&f=1", "replies refused 22", NULL, false},
    {"/call?nr=0x6d6605&a=9&b=0x400000&c=8", "replies refused *", NULL, false},
    {"/call?nr=0x6d6605&a=1&b=0xffff880000000000&c=8", "replies refused 14", NULL, false},
    {"/call?nr=0x6d66ff", "replies refused 38", NULL, false},
    {"/call?nr=202&a=0x500000&b=0x80&c=0&d=0", "replies *|dies timeout", NULL, true}, /* futex wait */
    {"/sigreturn_forged", "dies *", NULL, false},
    {"/sigreturn_forged?cs=0x33", "dies *", NULL, false},
    {"/sigreturn_forged?cs=0x23", "dies *", NULL, false},
    {"/sigreturn_forged?rip=0xffffffff81000000&cs=0x2b000000000033", "dies *", NULL, false},
    {"/syscall_from_data", "replies refused", NULL, false},
    /* without end */
    {"/loop", "dies timeout", NULL, true},
    {"/loop_calls", "dies timeout", NULL, true},
    {"/sleeps", "dies timeout|dies *", NULL, true},
    {"/log_flood", "dies timeout", NULL, true},
    {"/console_flood", "dies timeout", NULL, true},
    {"/allocates", "replies no memory left", NULL, false},
    {"/maps", "replies no mapping left", NULL, false},
    {"/reply_flood", "fails *|status 500", NULL, false},
    {"/spins_then_answers?ms=300", "replies done", NULL, false},
};

/* Linux lets it pass every seccomp filter since 6.14; outside an uprobe it is a SIGILL
 * for any program, mayfly or not. */
#define NUMBER_URETPROBE 335u

/* Every number with arguments that nobody means well: nothing may end the instance,
 * and above all not the kernel by its own mistake. */
static void sweep_calls(struct harness *harness)
{
    static const char *const arguments[] = {
        "",
        "&a=-1&b=-1&c=-1&d=-1&e=-1&f=-1",
        "&a=0x400000&b=0x400000&c=0x400000&d=0x400000&e=0x400000&f=0x400000",
        "&a=0xffff880000000000&b=0xffff880000000000&c=64&d=0xffff880000000000&e=1&f=1",
        "&a=0x10000&b=0x20000&c=0x30000&d=0x100000&e=0x20000&f=0x30000",
        "&a=3&b=0x7fffffffffffffff&c=0x7fffffffffffffff&d=-4096&e=0&f=0",
        "&a=0xfff000&b=0x1000000&c=0x1000&d=0x22&e=-1&f=0",
    };
    group_begin(harness);
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++)
        for (unsigned nr = 0; nr <= 600; nr++) {
            char target[256], outcome[OUTCOME_BYTES], detail[32];
            if (!victim_alive(harness) && !victim_open(harness, harness->hostile_fd))
                return;
            snprintf(target, sizeof target, "/sweep?first=%u&last=%u%s", nr, nr, arguments[i]);
            victim_get(harness, target, NULL, 0, HANG_NS * 5, outcome);
            snprintf(detail, sizeof detail, "nr=%u set=%zu", nr, i);
            if (outcome_matches(outcome, "replies *") && !outcome_matches(outcome, "replies refused 0"))
                harness->group_cases++, harness->cases++; /* the usual: the neighbour need not be asked */
            else
                judge(harness, "sweep of system calls", detail, outcome,
                      nr == NUMBER_URETPROBE
                          ? here(harness, "dies illegal-instruction", "replies *")
                          : "replies *|dies page-fault|dies timeout|dies protection|dies signal|fails *");
        }
    group_end(harness, "sweep of system calls");
    victim_close(harness);
}

/* 32-bit code begins where Linux runs it, and is nobody's there. */
static void far_jump(struct harness *harness)
{
    char outcome[OUTCOME_BYTES];
    if (!wanted(harness, "/far_jump_32") || !victim_open(harness, harness->hostile_fd))
        return;
    victim_get(harness, "/far_jump_32", NULL, 0, CASE_NS, outcome);
    judge(harness, "/far_jump_32", "", outcome,
          harness->sandbox == MF_SANDBOX_PROCESS && machine_has_32_bit_code()
              ? "dies illegal-instruction"
              : "dies protection");
}

/* KVM by hardware, and Linux: the gate's privilege level refuses. A KVM that runs ring 3
 * as a program of its own (DESIGN.md, Facts) knows no such gates, and keeps vectors 23,
 * 25 and 26 to itself; the last of them is a `cpuid`. */
static const char *interrupt_outcome(const struct harness *harness, unsigned n)
{
    if (n == 3)
        return "dies breakpoint";
    const bool process = harness->sandbox == MF_SANDBOX_PROCESS;
    if (n == 128 && (!process || machine_has_int80()))
        return here(harness, "dies protocol", "dies illegal-instruction|dies protection");
    if (process && !machine_refuses_interrupt((uint8_t)n))
        return "dies *"; /* as any process of this machine */
    if (n == 26)
        return here(harness, "dies protection", "replies survived|dies *");
    return here(harness, n == 1 ? "dies protection|dies breakpoint" : "dies protection",
                "dies protection|dies illegal-instruction|dies alignment");
}

static void every_interrupt(struct harness *harness)
{
    group_begin(harness);
    for (unsigned n = 0; n < 256; n++) {
        char target[64], outcome[OUTCOME_BYTES], detail[32];
        if (!victim_open(harness, harness->hostile_fd))
            return;
        snprintf(target, sizeof target, "/interrupt?n=%u", n);
        victim_get(harness, target, NULL, 0, CASE_NS, outcome);
        snprintf(detail, sizeof detail, "n=%u", n);
        judge(harness, "int n", detail, outcome, interrupt_outcome(harness, n));
    }
    group_end(harness, "int n");
}

/* What a body of the largest size comes to that the handler does not read, again and
 * again on one instance: each event answered, nothing of one body in the next. */
static void unread_bodies(struct harness *harness)
{
    static char body[MF_BODY_BYTES_MAX];
    char outcome[OUTCOME_BYTES] = "cannot be started";
    if (victim_open(harness, harness->hostile_fd))
        for (unsigned i = 0; i < 5; i++) {
            victim_get(harness, "/never_reads", body, sizeof body, CASE_NS, outcome);
            if (!outcome_matches(outcome, "replies not read"))
                break;
        }
    judge(harness, "unread bodies", "", outcome, "replies not read");
}

/* The same with jit: another answer to who asks for it, and to nobody else. */
static const char *with_jit(const struct death *death)
{
    static const struct {
        const char *target, *outcome;
    } others[] = {{"/protect_execute", "replies survived"},
                  {"/map_execute", "replies survived"},
                  {"/syscall_from_data", "replies survived"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(death->target, others[i].target) == 0)
            return others[i].outcome;
    return NULL;
}

static void deaths_with_jit(struct harness *harness)
{
    group_begin(harness);
    harness->jit = true;
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
        const struct death *death = &deaths[i];
        const char *other = with_jit(death);
        char outcome[OUTCOME_BYTES];
        if (death->hangs || !victim_open(harness, harness->hostile_fd))
            continue;
        victim_get(harness, death->target, NULL, 0, CASE_NS, outcome);
        judge(harness, "with jit", death->target, outcome,
              other ? other : here(harness, death->process, death->kvm ? death->kvm : death->process));
    }
    victim_close(harness);
    harness->jit = false;
    group_end(harness, "deaths, with jit");
}

void test_deaths(struct harness *harness)
{
    if (wanted(harness, "unread bodies"))
        unread_bodies(harness);
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
        const struct death *death = &deaths[i];
        char outcome[OUTCOME_BYTES];
        if (!wanted(harness, death->target))
            continue;
        if (!victim_open(harness, harness->hostile_fd)) {
            judge(harness, death->target, "", "cannot be started", death->process);
            continue;
        }
        victim_get(harness, death->target, NULL, 0, death->hangs ? HANG_NS * 5 : CASE_NS, outcome);
        judge(harness, death->target, "", outcome,
              here(harness, death->process, death->kvm ? death->kvm : death->process));
    }
    if (wanted(harness, "sweep"))
        sweep_calls(harness);
    if (wanted(harness, "deaths, with jit"))
        deaths_with_jit(harness);
    far_jump(harness);
    if (wanted(harness, "int n"))
        every_interrupt(harness);
}
