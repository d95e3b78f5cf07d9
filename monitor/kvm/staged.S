/* staged.S: text and constants of kernel.elf and of kernel-linux.elf, in pages of their own: each
 * blank moves the mapping of one of them into its window (staged.c). */
        .section .rodata.staged, "a", @progbits
        .balign 4096
        .globl staged_bytes, staged_bytes_end, staged_linux_bytes, staged_linux_bytes_end
staged_bytes:
        .incbin "staged.bin"
        .balign 4096
staged_bytes_end:
staged_linux_bytes:
        .incbin "staged_linux.bin"
        .balign 4096
staged_linux_bytes_end:
        .section .note.GNU-stack, "", @progbits
