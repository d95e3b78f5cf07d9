/*
 * map.h: files in memory: what mmap does with a descriptor, and its like with what came of it.
 * one/map.c has none; files/map.c does.
 */
#ifndef KERNEL_LINUX_MAP_H
#define KERNEL_LINUX_MAP_H

#include <asm/mman.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"

/* mmap(2)'s arguments; address and bytes are whole pages. */
struct map_request {
    uint64_t address, bytes;
    uint32_t prot, flags; /* PROT_…, MAP_… */
    uint64_t fd, offset;
    uint64_t caller; /* for the log */
};

/* Linux's protection as the monitor's: a page that may be written or executed may be read. */
static inline uint32_t map_prot(uint32_t prot)
{
    return (prot & PROT_WRITE ? MF_PROT_READ | MF_PROT_WRITE : prot & PROT_READ ? MF_PROT_READ : MF_PROT_NONE) |
           (prot & PROT_EXEC ? MF_PROT_READ | MF_PROT_EXECUTE : 0);
}

int64_t map_file(const struct map_request *request);

/* Another program instead: no file is mapped any more. False: a file in memory has no other place. */
bool map_renew(void);
/* A program, or its loader, where the image has it; bias: from the file's addresses to there. 0 or -errno. */
struct image_loaded;
int map_program(const struct image_loaded *file, uint64_t bias);

/* munmap, mprotect and madvise of such a range. True: *result is the answer, and nothing is left to
 * do. False: it is memory like any other. */
bool map_unmap(uint64_t address, uint64_t bytes, int64_t *result);
bool map_protect(uint64_t address, uint64_t bytes, uint32_t prot, int64_t *result);
bool map_advise(uint64_t address, uint64_t bytes, int64_t *result);
/* Likewise mremap; elsewhere: to an address of the program's choice. */
bool map_remap(uint64_t address, uint64_t old_bytes, uint64_t new_bytes, bool elsewhere, int64_t *result);

/* Before something is mapped over it (MAP_FIXED): no file is there any more; else -ENOMEM. */
int map_clear(uint64_t address, uint64_t bytes);

#endif
