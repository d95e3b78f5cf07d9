/*
 * smash.c: what compiled code calls when it finds a stack canary overwritten. The
 * stack is not to be trusted any more, so nothing of it is used: mark and cause go
 * into registers (abi/trap.h) and `ud2` hands over to the kernel. As an ordinary
 * Linux program it dies of SIGILL here, by name in any debugger.
 */
#include "abi/cause.h"
#include "abi/trap.h"

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail_local(void);

__attribute__((noinline)) _Noreturn void __stack_chk_fail(void)
{
    __asm__ volatile("ud2" : : "a"(MF_CAUSE_STACK_SMASHED), "d"(MF_TRAP_MARK));
    __builtin_unreachable();
}

_Noreturn void __stack_chk_fail_local(void)
{
    __stack_chk_fail();
}
