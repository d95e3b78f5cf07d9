/* map.c: see map.h: there are no files. */
#include "kernel/linux/map.h"

#include <asm/errno.h>

int64_t map_file(const struct map_request *request)
{
    return (int32_t)request->fd < 0 ? -EBADF : -ENODEV;
}

bool map_unmap(uint64_t address, uint64_t bytes, int64_t *result)
{
    (void)address, (void)bytes, (void)result;
    return false;
}

bool map_protect(uint64_t address, uint64_t bytes, uint32_t prot, int64_t *result)
{
    (void)address, (void)bytes, (void)prot, (void)result;
    return false;
}

bool map_advise(uint64_t address, uint64_t bytes, int64_t *result)
{
    (void)address, (void)bytes, (void)result;
    return false;
}

bool map_remap(uint64_t address, uint64_t old_bytes, uint64_t new_bytes, bool elsewhere, int64_t *result)
{
    (void)address, (void)old_bytes, (void)new_bytes, (void)elsewhere, (void)result;
    return false;
}

int map_clear(uint64_t address, uint64_t bytes)
{
    (void)address, (void)bytes;
    return 0;
}
