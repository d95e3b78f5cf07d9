/*
 * assert.h: a broken rule of the kernel's own: report it, end the instance with
 * MF_CAUSE_KERNEL_BUG. Never for what a program, the node or the monitor did.
 */
#ifndef KERNEL_CORE_ASSERT_H
#define KERNEL_CORE_ASSERT_H

#define mf_assert(fact) ((fact) ? (void)0 : kernel_assert_failed(#fact, __FILE_NAME__, __LINE__))
_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line);

#endif
