/* site.c: where a system call was made. A stub ends, behind the place to which its call returns, with
 * the instruction that it displaced and a jump behind it (image/x86_64/stubs_make.c). */
#include "kernel/core/string.h"
#include "kernel/x86_64/frame.h"

#define SYSCALL_BYTES 2u
#define JUMP 0xe9u
#define JUMP_BYTES 5u
#define DISPLACED_MIN 4u
#define DISPLACED_MAX 6u

/* stubs.S; the kernel of C functions has none. */
extern const uint8_t kernel_stubs[] __attribute__((weak)), kernel_stubs_end[] __attribute__((weak));

/* Bytes of the instruction, by its first two: a comparison, or a store of 8 or of 4 bytes. */
static uint32_t displaced(const uint8_t *code)
{
    return code[0] == 0x89 ? DISPLACED_MIN : code[1] == 0x89 ? DISPLACED_MIN + 1 : DISPLACED_MAX;
}

uint64_t frame_site(const struct frame *frame)
{
    const uint64_t returns = frame->trap.rip;
    if (returns < (uintptr_t)kernel_stubs || returns + DISPLACED_MAX + JUMP_BYTES > (uintptr_t)kernel_stubs_end)
        return frame_caller(frame);
    const uint8_t *code = (const uint8_t *)(uintptr_t)returns;
    const uint32_t bytes = displaced(code);
    int32_t distance;
    memcpy(&distance, code + bytes + 1, sizeof distance);
    uint64_t back = returns + bytes + JUMP_BYTES + (uint64_t)(int64_t)distance;
    return code[bytes] == JUMP ? back - bytes - SYSCALL_BYTES : frame_caller(frame);
}
