/* host.h: the trampoline's way to the host. Its few libc functions (host.c) end here. */
#ifndef MF_MONITOR_PROCESS_TRAMPOLINE_HOST_H
#define MF_MONITOR_PROCESS_TRAMPOLINE_HOST_H

/* One system call; the kernel's answer, an error as a negative number (entry.S). */
long host_call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
               unsigned long e, unsigned long f);

#endif
