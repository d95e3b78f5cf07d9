/* instruction.h: just enough of x86-64 to follow constants through straight code. */
#ifndef MF_IMAGE_X86_64_INSTRUCTION_H
#define MF_IMAGE_X86_64_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of general registers as instructions encode them. */
enum { REG_RAX = 0, REG_RCX = 1, REG_RDX = 2, REG_R11 = 11, REG_COUNT = 16 };

struct instruction {
    uint32_t bytes;  /* its length                                            */
    uint16_t writes; /* bit n: register n, or part of it, is written          */
    enum { WRITES_SOMETHING, WRITES_VALUE, WRITES_COPY } effect;
    uint32_t value;  /* WRITES_VALUE: the one register's lower half from here */
    uint8_t source;  /* WRITES_COPY: ... is that of this register             */
};

/* Decode the instruction at code. False: one that is not in the tables (calls and
 * unconditional jumps among them), or that does not end within room. A conditional
 * jump counts as not taken. */
bool instruction_decode(const uint8_t *code, size_t room, struct instruction *instruction);

#endif
