/* bytes.S: the trampoline in pages of their own: each blank moves the mapping of
 * them to its place (trampoline.c). */
        .section .rodata.trampoline, "a", @progbits
        .balign 4096
        .globl trampoline_bytes, trampoline_bytes_end
trampoline_bytes:
        .incbin "trampoline.bin"
        .balign 4096
trampoline_bytes_end:
        .section .note.GNU-stack, "", @progbits
