/* instruction.h: just enough of a decoder to tell why the processor refused. */
#ifndef KERNEL_X86_64_INSTRUCTION_H
#define KERNEL_X86_64_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is this an instruction that ring 3 may not execute, whatever its operands? */
bool instruction_is_privileged(const uint8_t *code, size_t bytes);

#endif
