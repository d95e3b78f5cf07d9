/*
 * user.c: copies from and to the program's memory.
 * Guarantees: a range that is not the program's, or not there, gives -EFAULT.
 * Leaves to others: page faults on the way (trap.c comes back by user_fixup()).
 * Owns nothing.
 */
#include "kernel/core/user.h"

#include <asm/errno.h>

#include "abi/layout.h"
#include "kernel/core/boot.h"
#include "kernel/core/space.h"

struct fixup {
    uint64_t at, landing;
};
extern const struct fixup kernel_fixups_start[], kernel_fixups_end[];

size_t user_copy(void *to, const void *from, size_t bytes); /* entry.S */

bool user_range(uint64_t address, uint64_t bytes)
{
    uint64_t end = address_of(space.high); /* above it the kernel keeps its own, or nothing is */
    return address >= MF_PROGRAM_BASE && address <= end && bytes <= end - address;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
    if (!user_range(from, bytes))
        return -EFAULT;
    return user_copy(to, (const void *)from, bytes) ? -EFAULT : 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
    if (!user_range(to, bytes))
        return -EFAULT;
    return user_copy((void *)to, from, bytes) ? -EFAULT : 0;
}

int user_peek(void *to, uint64_t from, size_t bytes)
{
    uint64_t kernel = (uint64_t)kernel_text_start, end = (uint64_t)kernel_end;
    bool kernels = from >= kernel && from <= end && bytes <= end - from;
    if (!kernels && !user_range(from, bytes))
        return -EFAULT;
    return user_copy(to, (const void *)from, bytes) ? -EFAULT : 0;
}

uint64_t user_fixup(uint64_t rip)
{
    for (const struct fixup *fixup = kernel_fixups_start; fixup < kernel_fixups_end; fixup++)
        if (fixup->at == rip)
            return fixup->landing;
    return 0;
}
