/* program.S: an image must hold a program; this one is never run. */
    .section .text
    .globl _start
_start:
    ud2
    .section .note.GNU-stack, "", @progbits
