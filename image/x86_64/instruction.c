/*
 * instruction.c: lengths of common x86-64 instructions, and which general registers
 * they write. Intel SDM, volume 2: 2.1 (format), appendix A (opcode maps). What is
 * not in the tables is unknown, which callers take as "anything may happen".
 */
#include "instruction.h"

#include <string.h>

/* What follows an opcode, and what it writes. */
enum {
    MODRM = 1 << 0,
    IMM8 = 1 << 1,
    IMM32 = 1 << 2,  /* with an operand-size prefix 16 bits: not decoded      */
    TO_REG = 1 << 3, /* writes the register of modrm                          */
    TO_RM = 1 << 4,  /* writes the register or memory of modrm                */
    TO_OP = 1 << 5,  /* writes the register in the opcode's low bits          */
    TO_RAX = 1 << 6,
    TO_RDX = 1 << 7,
    BYTE = 1 << 8,   /* 8-bit registers: 4 to 7 are ah to bh where there is no REX */
    CMP7 = 1 << 9,   /* extension 7 of modrm compares, writes nothing         */
    COPY = 1 << 10,  /* what is written is what the other operand holds       */
    GROUP3 = 1 << 11, /* f6, f7: test, not, neg, mul, div                      */
    KNOWN = 1 << 12,
};

#define EIGHT(first, kind)                                                       \
    [(first)] = (kind), [(first) + 1] = (kind), [(first) + 2] = (kind),          \
    [(first) + 3] = (kind), [(first) + 4] = (kind), [(first) + 5] = (kind),      \
    [(first) + 6] = (kind), [(first) + 7] = (kind)
#define SIXTEEN(first, kind) EIGHT(first, kind), EIGHT((first) + 8, kind)
/* add, or, adc, sbb, and, sub, xor: rm,r · r,rm · al/eax,imm */
#define ARITHMETIC(first)                                                        \
    [(first)] = MODRM | TO_RM | BYTE, [(first) + 1] = MODRM | TO_RM,             \
    [(first) + 2] = MODRM | TO_REG | BYTE, [(first) + 3] = MODRM | TO_REG,       \
    [(first) + 4] = IMM8 | TO_RAX, [(first) + 5] = IMM32 | TO_RAX

/* The one-byte opcode map; 0: unknown. */
static const uint16_t one_byte[256] = {
    ARITHMETIC(0x00), ARITHMETIC(0x08), ARITHMETIC(0x10), ARITHMETIC(0x18),
    ARITHMETIC(0x20), ARITHMETIC(0x28), ARITHMETIC(0x30),
    [0x38] = MODRM, [0x39] = MODRM, [0x3a] = MODRM, [0x3b] = MODRM, /* cmp */
    [0x3c] = IMM8, [0x3d] = IMM32,
    EIGHT(0x50, KNOWN),              /* push */
    EIGHT(0x58, TO_OP),              /* pop */
    [0x63] = MODRM | TO_REG | COPY,  /* movsxd: the lower half is the same */
    [0x68] = IMM32, [0x6a] = IMM8,   /* push */
    [0x69] = MODRM | IMM32 | TO_REG, /* imul */
    [0x6b] = MODRM | IMM8 | TO_REG,
    SIXTEEN(0x70, IMM8),             /* jcc */
    [0x80] = MODRM | IMM8 | TO_RM | BYTE | CMP7,
    [0x81] = MODRM | IMM32 | TO_RM | CMP7,
    [0x83] = MODRM | IMM8 | TO_RM | CMP7,
    [0x84] = MODRM, [0x85] = MODRM, /* test */
    [0x86] = MODRM | TO_RM | TO_REG | BYTE, [0x87] = MODRM | TO_RM | TO_REG, /* xchg */
    [0x88] = MODRM | TO_RM | BYTE, [0x89] = MODRM | TO_RM | COPY,            /* mov */
    [0x8a] = MODRM | TO_REG | BYTE, [0x8b] = MODRM | TO_REG | COPY,
    [0x8d] = MODRM | TO_REG,        /* lea */
    [0x90] = KNOWN,                 /* nop */
    [0x98] = TO_RAX, [0x99] = TO_RDX, /* cdqe, cdq */
    [0xa8] = IMM8, [0xa9] = IMM32,  /* test */
    EIGHT(0xb0, IMM8 | TO_OP | BYTE),
    EIGHT(0xb8, IMM32 | TO_OP),     /* mov */
    [0xc0] = MODRM | IMM8 | TO_RM | BYTE, [0xc1] = MODRM | IMM8 | TO_RM,     /* shift */
    [0xc6] = MODRM | IMM8 | TO_RM | BYTE, [0xc7] = MODRM | IMM32 | TO_RM,    /* mov */
    [0xd1] = MODRM | TO_RM, [0xd3] = MODRM | TO_RM,                          /* shift */
    [0xf6] = MODRM | GROUP3 | BYTE, [0xf7] = MODRM | GROUP3,
};

/* The two-byte map, 0f xx. Those on vectors write no general register. */
static const uint16_t two_byte[256] = {
    [0x05] = TO_RAX,                          /* syscall; rcx and r11 besides */
    [0x10] = MODRM, [0x11] = MODRM, [0x12] = MODRM, [0x13] = MODRM, [0x14] = MODRM,
    [0x16] = MODRM, [0x17] = MODRM,
    [0x1e] = MODRM, [0x1f] = MODRM,           /* endbr64, nop */
    [0x28] = MODRM, [0x29] = MODRM, [0x57] = MODRM,
    SIXTEEN(0x40, MODRM | TO_REG),            /* cmovcc */
    [0x62] = MODRM, [0x6c] = MODRM, [0x6e] = MODRM, [0x6f] = MODRM,
    [0x7e] = MODRM | TO_RM, [0x7f] = MODRM, [0xd6] = MODRM, [0xef] = MODRM,
    SIXTEEN(0x80, IMM32),                     /* jcc */
    SIXTEEN(0x90, MODRM | TO_RM | BYTE),      /* setcc */
    [0xaf] = MODRM | TO_REG,                  /* imul */
    [0xb1] = MODRM | TO_RM | TO_RAX,          /* cmpxchg */
    [0xb6] = MODRM | TO_REG, [0xb7] = MODRM | TO_REG, /* movzx */
    [0xbe] = MODRM | TO_REG, [0xbf] = MODRM | TO_REG, /* movsx */
    [0xc1] = MODRM | TO_RM | TO_REG,          /* xadd */
};

struct cursor {
    const uint8_t *code;
    size_t room, at;
};

struct parts {
    uint8_t rex, opcode, modrm;
    bool two, size16;
    uint16_t kind;
    uint32_t immediate;
};

static bool take(struct cursor *cursor, uint8_t *byte)
{
    if (cursor->at >= cursor->room)
        return false;
    *byte = cursor->code[cursor->at++];
    return true;
}

static bool is_prefix(uint8_t byte)
{
    return byte == 0x66 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 || byte == 0x64 ||
           byte == 0x65 || byte == 0x2e || byte == 0x3e;
}

#define PREFIXES_MAX 4u

static bool take_opcode(struct cursor *cursor, struct parts *parts)
{
    uint8_t byte = 0;
    bool more = take(cursor, &byte);
    for (uint32_t i = 0; i < PREFIXES_MAX && more && is_prefix(byte); i++) {
        parts->size16 = parts->size16 || byte == 0x66;
        more = take(cursor, &byte);
    }
    if (more && (byte & 0xf0) == 0x40) {
        parts->rex = byte;
        more = take(cursor, &byte);
    }
    if (more && byte == 0x0f) {
        parts->two = true;
        more = take(cursor, &byte);
    }
    parts->opcode = byte;
    parts->kind = parts->two ? two_byte[byte] : one_byte[byte];
    return more && parts->kind != 0;
}

/* modrm, and the SIB and displacement that follow it (SDM 2.1.5). */
static bool take_address(struct cursor *cursor, struct parts *parts)
{
    if (!take(cursor, &parts->modrm))
        return false;
    unsigned mod = parts->modrm >> 6, rm = parts->modrm & 7;
    size_t displacement = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    if (mod != 3 && rm == 4) {
        uint8_t sib;
        if (!take(cursor, &sib))
            return false;
        if (mod == 0 && (sib & 7) == 5)
            displacement = 4;
    } else if (mod == 0 && rm == 5) {
        displacement = 4;
    }
    cursor->at += displacement;
    return cursor->at <= cursor->room;
}

static unsigned extension(const struct parts *parts)
{
    return parts->modrm >> 3 & 7;
}

static bool take_immediate(struct cursor *cursor, struct parts *parts)
{
    uint16_t kind = parts->kind;
    if ((kind & GROUP3) && extension(parts) <= 1) /* test */
        kind |= kind & BYTE ? IMM8 : IMM32;
    if (kind & IMM8)
        cursor->at += 1;
    if (cursor->at > cursor->room)
        return false;
    if (!(kind & IMM32))
        return true;
    bool imm64 = !parts->two && (parts->opcode & 0xf8) == 0xb8 && (parts->rex & 8);
    if (parts->size16 || imm64 || cursor->room - cursor->at < sizeof parts->immediate)
        return false;
    memcpy(&parts->immediate, cursor->code + cursor->at, sizeof parts->immediate);
    cursor->at += sizeof parts->immediate;
    return true;
}

static unsigned whole_register(const struct parts *parts, unsigned low, unsigned rex_bit)
{
    if ((parts->kind & BYTE) && !parts->rex)
        return low & 3;
    return low | (parts->rex & rex_bit ? 8u : 0u);
}

static unsigned reg_of(const struct parts *parts)
{
    return whole_register(parts, extension(parts), 4);
}

static unsigned rm_of(const struct parts *parts)
{
    return whole_register(parts, parts->modrm & 7, 1);
}

static uint16_t written(const struct parts *parts)
{
    uint16_t kind = parts->kind, mask = 0;
    bool rm_is_register = (kind & MODRM) && parts->modrm >> 6 == 3;
    if (kind & GROUP3) { /* 0, 1 test; 2 not, 3 neg; 4 to 7 multiply, divide */
        if (extension(parts) == 2 || extension(parts) == 3)
            kind |= TO_RM;
        else if (extension(parts) >= 4)
            kind |= TO_RAX | TO_RDX;
    }
    if ((kind & CMP7) && extension(parts) == 7)
        kind &= (uint16_t)~TO_RM;
    if (kind & TO_REG)
        mask |= (uint16_t)(1u << reg_of(parts));
    if ((kind & TO_RM) && rm_is_register)
        mask |= (uint16_t)(1u << rm_of(parts));
    if (kind & TO_OP)
        mask |= (uint16_t)(1u << whole_register(parts, parts->opcode & 7, 1));
    if (kind & TO_RAX)
        mask |= 1u << REG_RAX;
    if (kind & TO_RDX)
        mask |= 1u << REG_RDX;
    if (parts->two && parts->opcode == 0x05)
        mask |= (uint16_t)(1u << REG_RCX | 1u << REG_R11);
    return mask;
}

static void find_effect(const struct parts *parts, struct instruction *instruction)
{
    bool register_form = parts->modrm >> 6 == 3;
    if (parts->two || parts->size16)
        return;
    if ((parts->opcode & 0xf8) == 0xb8 || (parts->opcode == 0xc7 && register_form)) {
        instruction->effect = WRITES_VALUE; /* mov r, imm32 */
        instruction->value = parts->immediate;
    } else if ((parts->opcode == 0x31 || parts->opcode == 0x33) && register_form &&
               reg_of(parts) == rm_of(parts)) {
        instruction->effect = WRITES_VALUE; /* xor r, r */
        instruction->value = 0;
    } else if ((parts->kind & COPY) && register_form) {
        instruction->effect = WRITES_COPY;
        instruction->source = (uint8_t)(parts->kind & TO_REG ? rm_of(parts) : reg_of(parts));
    }
}

bool instruction_decode(const uint8_t *code, size_t room, struct instruction *instruction)
{
    struct cursor cursor = {.code = code, .room = room};
    struct parts parts = {0};
    if (!take_opcode(&cursor, &parts) ||
        ((parts.kind & MODRM) && !take_address(&cursor, &parts)) ||
        !take_immediate(&cursor, &parts))
        return false;
    *instruction = (struct instruction){
        .bytes = (uint32_t)cursor.at,
        .writes = written(&parts),
        .effect = WRITES_SOMETHING,
    };
    find_effect(&parts, instruction);
    return true;
}
