/*
 * vdso.S: the shared object that AT_SYSINFO_EHDR names (man 7 vdso): C libraries and Go find in it
 * how to read a clock. Its functions make the system call by a jump (abi/calls.h,
 * MF_AUX_SYSCALL), which costs a twentieth of the instruction. Only what readers look at is
 * there: headers, a hash table of one bucket, symbols of one version, their names.
 */
#include <asm/unistd_64.h>

    .section .text.vdso, "ax", @progbits

.macro call_by_jump name, number
    .type \name, @function
\name:
    movl $\number, %eax
    leaq 1f(%rip), %rcx
    pushfq
    popq %r11
    jmp kernel_syscall
1:  ret
    .size \name, . - \name
.endm

call_by_jump vdso_clock_gettime, __NR_clock_gettime
call_by_jump vdso_clock_getres, __NR_clock_getres
call_by_jump vdso_gettimeofday, __NR_gettimeofday
call_by_jump vdso_time, __NR_time
call_by_jump vdso_getcpu, __NR_getcpu

    .section .rodata.vdso, "a", @progbits
    .balign 16
    .globl vdso_image
    .type vdso_image, @object
vdso_image:
    /* Elf64_Ehdr: 64-bit, little-endian, ET_DYN, x86-64 */
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0
    .quad 0
    .short 3, 62
    .long 1
    .quad 0                         /* e_entry */
    .quad headers - vdso_image      /* e_phoff */
    .quad 0                         /* e_shoff */
    .long 0
    .short 64, 56, 2, 64, 0, 0      /* e_ehsize, e_phentsize, e_phnum, e_shentsize, … */
headers:
    .long 1, 5                      /* PT_LOAD, readable and executable */
    .quad 0, 0, 0, vdso_end - vdso_image, vdso_end - vdso_image, 4096
    .long 2, 4                      /* PT_DYNAMIC */
    .quad dynamic - vdso_image, dynamic - vdso_image, dynamic - vdso_image
    .quad dynamic_end - dynamic, dynamic_end - dynamic, 8
dynamic:
    .quad 4, hash - vdso_image      /* DT_HASH   */
    .quad 5, names - vdso_image     /* DT_STRTAB */
    .quad 6, symbols - vdso_image   /* DT_SYMTAB */
    .quad 10, names_end - names     /* DT_STRSZ  */
    .quad 11, 24                    /* DT_SYMENT */
    .quad 0x6ffffff0, versions - vdso_image /* DT_VERSYM */
    .quad 0x6ffffffc, version - vdso_image  /* DT_VERDEF */
    .quad 0x6ffffffd, 1                     /* DT_VERDEFNUM */
    .quad 0, 0                      /* DT_NULL   */
dynamic_end:
hash: /* one bucket: all symbols in turn */
    .long 1, 6, 1
    .long 0, 2, 3, 4, 5, 0
versions: /* of each symbol */
    .short 0, 2, 2, 2, 2, 2
version: /* Elf64_Verdef, Elf64_Verdaux: version 2 is LINUX_2.6, whose hash that is */
    .short 1, 0, 2, 1
    .long 0x3ae75f6, 20, 0
    .long name_version - names, 0

.macro symbol name
    .long name_\name - names
    .byte 0x12, 0                   /* global, a function */
    .short 1                        /* defined */
    .quad vdso_\name - vdso_image   /* below the image: a difference that wraps */
    .quad 0
.endm

    .balign 8
symbols:
    .quad 0, 0, 0
    symbol clock_gettime
    symbol clock_getres
    symbol gettimeofday
    symbol time
    symbol getcpu
names:
    .byte 0
name_clock_gettime: .asciz "__vdso_clock_gettime"
name_clock_getres: .asciz "__vdso_clock_getres"
name_gettimeofday: .asciz "__vdso_gettimeofday"
name_time: .asciz "__vdso_time"
name_getcpu: .asciz "__vdso_getcpu"
name_version: .asciz "LINUX_2.6"
names_end:
vdso_end:
    .size vdso_image, . - vdso_image

    /* start.h */
    .globl start_vdso
    .balign 8
start_vdso:
    .quad vdso_image

    .section .note.GNU-stack, "", @progbits
