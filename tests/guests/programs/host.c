/*
 * host.c: acts against the host: Linux's system calls with any arguments, by their
 * numbers, from the program's own `syscall`. x86-64.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "acts.h"

static long call6(long nr, const uint64_t a[6])
{
    register uint64_t r10 __asm__("r10") = a[3];
    register uint64_t r8 __asm__("r8") = a[4];
    register uint64_t r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Arguments a … f: a number, or what stands behind an `s` as text. */
static void arguments(struct mayfly_event *event, uint64_t a[6])
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (unsigned i = 0; i < 6; i++) {
        const char *text = mayfly_parameter(event, names[i]);
        if (!text)
            a[i] = 0;
        else if (text[0] == 's')
            a[i] = (uint64_t)(uintptr_t)(text + 1);
        else
            a[i] = strtoull(text, NULL, 0);
    }
}

void act_call(struct mayfly_event *event, struct mayfly_reply *reply)
{
    uint64_t a[6];
    arguments(event, a);
    long result = call6((long)number_of(event, "nr", 0), a);
    if (result < 0)
        mayfly_printf(reply, "refused %ld", -result);
    else
        mayfly_printf(reply, "result %ld", result);
}

/* A call that no kernel of ours serves; where its instruction stands. */
static __attribute__((noinline)) void *want_what_is_not(long *result)
{
    void *at;
    __asm__ volatile("lea 1f(%%rip), %1\n1: syscall"
                     : "=a"(*result), "=&r"(at)
                     : "a"((long)SYS_io_uring_setup), "D"(1l), "S"(0l)
                     : "rcx", "r11", "memory");
    return at;
}

void act_wants_what_is_not(struct mayfly_event *event, struct mayfly_reply *reply)
{
    long result;
    (void)event;
    (void)want_what_is_not(&result);
    void *at = want_what_is_not(&result);
    mayfly_printf(reply, "%p %ld", at, result);
}

/* Options that no kernel of ours has, each twice; and one that no file has, of which nothing is to be said. */
void act_wants_options(struct mayfly_event *event, struct mayfly_reply *reply)
{
    int value = 1;
    long fd = call6(SYS_socket, (uint64_t[6]){1, 1}), results[4] = {0};
    (void)event;
    for (unsigned i = 0; i < 2; i++) {
        results[0] = call6(SYS_setsockopt, (uint64_t[6]){(uint64_t)fd, 1, 99, (uintptr_t)&value, sizeof value});
        results[1] = call6(SYS_ioctl, (uint64_t[6]){1, 0x8b01, 0});
        results[2] = call6(SYS_fcntl, (uint64_t[6]){1, 1036, 0});
        results[3] = call6(SYS_timer_create, (uint64_t[6]){2, 0, 0});
        (void)call6(SYS_ioctl, (uint64_t[6]){1, 0x5401, 0}); /* TCGETS */
    }
    mayfly_printf(reply, "%ld %ld %ld %ld", results[0], results[1], results[2], results[3]);
}

/* A range of numbers with the same arguments; calls that end or stop us by their
 * meaning are left out. One line for each that did not say no. */
void act_sweep(struct mayfly_event *event, struct mayfly_reply *reply)
{
    static const unsigned meant[] = {
        15,  /* rt_sigreturn: sigreturn_forged   */
        34,  /* pause                            */
        60,  /* exit                             */
        130, /* rt_sigsuspend                    */
        231, /* exit_group                       */
    };
    uint64_t a[6];
    arguments(event, a);
    unsigned refused = 0;
    uint64_t last = number_of(event, "last", 0);
    for (uint64_t nr = number_of(event, "first", 0); nr <= last; nr++) {
        bool skip = false;
        for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++)
            skip = skip || nr == meant[i];
        if (skip)
            continue;
        mayfly_log(MAYFLY_DEBUG, "calling %llu", (unsigned long long)nr);
        if (call6((long)nr, a) < 0)
            refused++;
    }
    mayfly_printf(reply, "refused %u", refused);
}

/* A frame of zeros, but for a stack pointer and an instruction pointer into the kernel's
 * half: SS:RSP, RIP, EFLAGS, CS of a sigcontext (asm/sigcontext.h). */
void act_sigreturn_forged(struct mayfly_event *event, struct mayfly_reply *reply)
{
    static uint64_t frame[128] __attribute__((aligned(64)));
    frame[5 + 15] = 0xffff880000000000ull;         /* RSP              */
    frame[5 + 16] = number_of(event, "rip", 0x10); /* RIP              */
    frame[5 + 17] = 0x3300;                        /* EFLAGS: IOPL 3   */
    frame[5 + 18] = number_of(event, "cs", 0x10);  /* CS, GS, FS, SS   */
    __asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall" : : "r"(frame) : "memory");
    survived(reply);
}

/* `syscall; ret` in memory of ours that we would like to run. */
void act_syscall_from_data(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    static unsigned char page[4096] __attribute__((aligned(4096))) = {0x0f, 0x05, 0xc3};
    if (mprotect(page, sizeof page, PROT_READ | PROT_EXEC) != 0) {
        mayfly_puts(reply, "refused");
        return;
    }
    void (*function)(void);
    const void *address = page;
    memcpy(&function, &address, sizeof function);
    function();
    survived(reply);
}
