/*
 * stubs.S: room for stubs, by which a program's system calls come here without a trap: the packer
 * makes them (image/stubs.h), at most one for each 32 bytes. What it does not use is int3.
 */
#include "kernel/core/limits.h"

    .section .stubs, "ax", @progbits
    .balign 32
    .globl kernel_stubs, kernel_stubs_end
kernel_stubs:
    .fill KERNEL_STUBS_BYTES, 1, 0xcc
kernel_stubs_end:
    .section .note.GNU-stack, "", @progbits
