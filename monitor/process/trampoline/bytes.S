/* bytes.S: the other gate page and the trampoline, in pages of their own that the spawner moves
 * to their place (../trampoline.c). */
#define GATE_OTHER
#include "gate.S"

        .section .text.gate, "ax", @progbits
        .incbin "trampoline.bin"
        .balign 4096
        .globl trampoline_bytes_end
trampoline_bytes_end:
        .section .note.GNU-stack, "", @progbits
