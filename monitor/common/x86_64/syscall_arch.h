/* syscall_arch.h: what a filter must know of x86-64's system calls. */
#ifndef MF_MONITOR_COMMON_X86_64_SYSCALL_ARCH_H
#define MF_MONITOR_COMMON_X86_64_SYSCALL_ARCH_H

#include <linux/audit.h>

#define FILTER_ARCH_AUDIT AUDIT_ARCH_X86_64 /* int 0x80, sysenter: AUDIT_ARCH_I386 */
#define FILTER_ARCH_FOREIGN 0x40000000u     /* __X32_SYSCALL_BIT in the number     */
#define FILTER_ARCH_LOW 0u                  /* little-endian: words of a u64       */
#define FILTER_ARCH_HIGH 4u

#endif
