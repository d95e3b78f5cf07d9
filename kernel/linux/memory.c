/*
 * memory.c: system calls for memory.
 * Guarantees: Linux's answers for what core/memory.c can do, EACCES for memory to be
 * executed unless the function has jit. Owns nothing.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/mman.h>
#include <stdbool.h>

#include "abi/hypercall.h"
#include "abi/log.h"
#include "kernel/core/memory.h"
#include "kernel/core/text.h"
#include "kernel/event/output.h"
#include "kernel/linux/call.h"
#include "kernel/linux/map.h"

static int decode_prot(const struct frame *frame, uint64_t prot, uint32_t *result);

/* Whole pages; 0 where that overflows. */
static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1);
}

int64_t linux_brk(struct frame *frame)
{
    return (int64_t)memory_break(frame_argument(frame, 0));
}

int64_t linux_mmap(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0);
    uint64_t bytes = whole_pages(frame_argument(frame, 1));
    uint64_t flags = frame_argument(frame, 3);
    uint32_t prot = MF_PROT_NONE;
    if (frame_argument(frame, 1) == 0 || frame_argument(frame, 5) % MF_PAGE_BYTES)
        return -EINVAL;
    if (flags & MAP_HUGETLB || bytes == 0)
        return -ENOMEM;
    if ((flags & MAP_TYPE) < MAP_SHARED || (flags & MAP_TYPE) > MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS))
        return map_file(&(struct map_request){.address = address,
                                              .bytes = bytes,
                                              .prot = (uint32_t)frame_argument(frame, 2),
                                              .flags = (uint32_t)flags,
                                              .fd = frame_argument(frame, 4),
                                              .offset = frame_argument(frame, 5),
                                              .caller = frame_caller(frame)});
    int error = decode_prot(frame, frame_argument(frame, 2), &prot);
    if (error)
        return error;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (address % MF_PAGE_BYTES)
            return -EINVAL;
        error = flags & MAP_FIXED_NOREPLACE ? 0 : map_clear(address, bytes);
        if (error)
            return error;
        return memory_map_fixed(address, bytes, prot, !(flags & MAP_FIXED_NOREPLACE));
    }
    return memory_map(address & ~(uint64_t)(MF_PAGE_BYTES - 1), bytes, prot);
}

int64_t linux_munmap(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0);
    uint64_t bytes = whole_pages(frame_argument(frame, 1));
    int64_t result;
    if (address % MF_PAGE_BYTES || bytes == 0)
        return -EINVAL;
    return map_unmap(address, bytes, &result) ? result : memory_unmap(address, bytes);
}

int64_t linux_mprotect(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0);
    uint64_t bytes = whole_pages(frame_argument(frame, 1));
    uint32_t prot = MF_PROT_NONE;
    if (address % MF_PAGE_BYTES)
        return -EINVAL;
    if (frame_argument(frame, 1) == 0)
        return 0;
    int64_t result;
    if (map_protect(address, bytes, (uint32_t)frame_argument(frame, 2), &result))
        return result;
    int error = decode_prot(frame, frame_argument(frame, 2), &prot);
    return error ? error : memory_protect(address, bytes, prot);
}

int64_t linux_mremap(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0);
    uint64_t old_bytes = whole_pages(frame_argument(frame, 1));
    uint64_t new_bytes = whole_pages(frame_argument(frame, 2));
    uint64_t flags = frame_argument(frame, 3);
    uint64_t to = frame_argument(frame, 4);
    if (address % MF_PAGE_BYTES || new_bytes == 0 || old_bytes == 0 ||
        flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED))
        return -EINVAL;
    enum memory_move where = MEMORY_STAY;
    if (flags & MREMAP_MAYMOVE)
        where = MEMORY_MOVE;
    if (flags & MREMAP_FIXED) {
        if (!(flags & MREMAP_MAYMOVE) || to % MF_PAGE_BYTES)
            return -EINVAL;
        where = MEMORY_MOVE_TO;
    }
    int64_t result;
    if (map_remap(address, old_bytes, new_bytes, where == MEMORY_MOVE_TO, &result))
        return result;
    return memory_remap(address, old_bytes, new_bytes, where, to);
}

int64_t linux_madvise(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0);
    uint64_t bytes = whole_pages(frame_argument(frame, 1));
    int64_t result;
    if (address % MF_PAGE_BYTES)
        return -EINVAL;
    if (bytes && map_advise(address, bytes, &result))
        return result;
    switch ((int)frame_argument(frame, 2)) {
    case MADV_DONTNEED:
        return bytes ? memory_discard(address, bytes) : 0;
    case MADV_WIPEONFORK: /* the only fork there is makes clones of a frozen instance */
        return bytes ? memory_wipe(address, bytes, true) : 0;
    case MADV_KEEPONFORK:
        return bytes ? memory_wipe(address, bytes, false) : 0;
    case MADV_NORMAL: /* advice that costs nothing to leave */
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_FREE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_COLD:
        return 0;
    default:
        return -EINVAL;
    }
}

static int decode_prot(const struct frame *frame, uint64_t prot, uint32_t *result)
{
    static bool told;
    if (prot & PROT_EXEC && !memory_may_execute()) {
        struct text line = {.bytes = 0};
        text_add(&line, "memory to be executed is refused (EACCES) without the setting jit: true, asked for at ");
        text_hex(&line, frame_site(frame));
        if (!told)
            output_kernel(MF_LOG_WARN, line.data, line.bytes);
        told = true;
        return -EACCES;
    }
    if (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN))
        return -EINVAL;
    *result = map_prot((uint32_t)prot);
    return 0;
}
