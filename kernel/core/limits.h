/*
 * limits.h: every bound of the library OS that is not part of the ABI. Also read by
 * the linker script and the assembler: plain numbers only.
 */
#ifndef KERNEL_CORE_LIMITS_H
#define KERNEL_CORE_LIMITS_H

/* Where the kernel stands (abi/layout.h) and how large it may be (abi/image.h). */
#define KERNEL_BASE 0x100000
#define KERNEL_BYTES_MAX 0x20000        /* kernel.elf       */
#define KERNEL_LINUX_BYTES_MAX 0x80000  /* kernel-linux.elf */

/* Stacks of the kernel, pages of their own (kernel.lds). */
#define KERNEL_STACK_BYTES 0x3a00
#define PARKED_BYTES 0x1600             /* vector state while frozen; ends a page        */
#define KERNEL_PANIC_STACK_BYTES 0x2000 /* reports a fault of the kernel itself */
#define KERNEL_TRAP_STACK_BYTES 0x1000  /* an exception, until it is moved away */

/* Address space of the program. */
#ifndef REGIONS_MAX                   /* of kernel-linux.elf: kernel/CMakeLists.txt    */
#define REGIONS_MAX 1024
#endif
#define GRANULE_BYTES 0x100000        /* memory is opened by so much at a time         */
#define STACK_GUARD_BYTES 0x10000     /* inaccessible, below the stack                 */
#define STACK_BYTES_MIN 0x20000
#define STACK_BYTES_MAX 0x800000
#define STACK_SHARE 8                 /* of the room after the program: one part of so many */
#define STACK_FIRST_BYTES 0x40000     /* opened at start; the rest as it is touched    */

#define ENVIRONMENT_COUNT_MAX 1024

/* The kernel's own memory, of kernel-linux.elf. */
#define HEAP_SHARE 8                  /* of the room above the stack: one part of so many */
#define HEAP_DISCARD_PAGES 64         /* a run of so many goes back to the node           */

/* Tasks, of kernel-linux.elf. */
#define TASKS_MAX 4096
#define TASK_VECTOR_BYTES_MAX 4096    /* vector state of a task that does not run     */
#define FUTEX_QUEUES 256              /* by address                                   */
#define ROBUST_LOCKS_MAX 2048         /* of a thread that ends, as Linux              */
#define TIMERS_MAX 256                /* of timer_create                              */
#define SIGNALS_QUEUED_MAX 1024       /* real-time signals, and what others say        */

/* System calls of programs that are jumps (image/stubs.h), at 32 bytes each; of kernel-linux.elf. */
#define KERNEL_STUBS_BYTES 0x6000

/* Reports and logs. */
#define BACKTRACE_MAX 64
#define CODE_BYTES_MAX 15             /* of one instruction, Intel SDM volume 2, 2.3.11 */
#define OPTIONS_TOLD_MAX 32           /* lines about options that are not there         */
#define LINE_BYTES 256                /* of one line of the kernel's own               */

/* System calls. */
#define IOV_MAX_ENTRIES 1024          /* Linux's UIO_MAXIOV                            */
#define COPY_BYTES 512                /* of program memory looked at in one go         */
#define XSTATE_BYTES_MAX 4096         /* vector state of a signal frame                */

#endif
