/* sealed.c: see sealed.h. */
#include "sealed.h"

#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate_layout.h"

long through_gate(long number, const uint64_t a[6])
{
    register uint64_t r10 __asm__("r10") = a[3];
    register uint64_t r8 __asm__("r8") = a[4];
    register uint64_t r9 __asm__("r9") = a[5];
    register uint64_t gate __asm__("r11") = GATE_SYSCALL;
    long result = number;
    __asm__ volatile("call *%%r11"
                     : "+a"(result), "+r"(gate)
                     : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "memory");
    return result;
}

void leave(int status)
{
    const uint64_t a[6] = {(uint64_t)status};
    (void)through_gate(SYS_exit_group, a);
}

void seal_by(struct sock_filter *code, uint32_t length)
{
    const struct sock_fprog program = {.len = (unsigned short)length, .filter = code};
    if (length == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
        _exit(97);
}

void map_fixed(uint64_t from, uint64_t to, int flags)
{
    void *where = (void *)(uintptr_t)from;
    if (mmap(where, to - from, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0) != where)
        _exit(99);
}

int outcome(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS ? DIED : DIED + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}
