/*
 * instruction.c: which instructions are privileged (Intel SDM volume 2, appendix A;
 * volume 3, 6.15, "General Protection Exception"). Owns nothing.
 */
#include "kernel/x86_64/instruction.h"

static bool is_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: /* segments */
    case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
        return true;
    default:
        return (byte & 0xf0) == 0x40; /* REX */
    }
}

static bool one_byte_privileged(uint8_t opcode)
{
    switch (opcode) {
    case 0x6c: case 0x6d: case 0x6e: case 0x6f: /* INS, OUTS */
    case 0xcd:                                  /* INT n without a gate for ring 3 */
    case 0xe4: case 0xe5: case 0xe6: case 0xe7: /* IN, OUT with a port in the code */
    case 0xec: case 0xed: case 0xee: case 0xef: /* IN, OUT with a port in DX */
    case 0xf4: case 0xfa: case 0xfb:            /* HLT, CLI, STI */
        return true;
    default:
        return false;
    }
}

static bool two_byte_privileged(uint8_t opcode)
{
    switch (opcode) {
    case 0x00: case 0x01:                       /* LLDT, LTR, LGDT, LIDT, LMSW, … */
    case 0x06: case 0x07: case 0x08: case 0x09: /* CLTS, SYSRET, INVD, WBINVD */
    case 0x20: case 0x21: case 0x22: case 0x23: /* MOV to and from CR and DR */
    case 0x30: case 0x32: case 0x33: case 0x35: /* WRMSR, RDMSR, RDPMC, SYSEXIT */
        return true;
    default:
        return false;
    }
}

bool instruction_is_privileged(const uint8_t *code, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && is_prefix(code[i]))
        i++;
    if (i < bytes && code[i] == 0x0f)
        return i + 1 < bytes && two_byte_privileged(code[i + 1]);
    return i < bytes && one_byte_privileged(code[i]);
}
