/* call.h: a system call of x86-64 Linux, with up to six arguments (System V ABI, A.2.1). */
#ifndef MF_SDK_CALL_H
#define MF_SDK_CALL_H

/* The same by a jump to entry, which is where the library OS takes system calls
 * (abi/calls.h, MF_AUX_SYSCALL): it returns to RCX with the flags of R11. */
static inline long jump6(unsigned long entry, long nr, long a, long b, long c, long d, long e,
                         long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("leaq 1f(%%rip), %%rcx\n\tmovl $0x202, %%r11d\n\tjmpq *%[entry]\n1:"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9),
                       [entry] "r"(entry)
                     : "rcx", "r11", "cc", "memory");
    return result;
}

static inline long call6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#endif
