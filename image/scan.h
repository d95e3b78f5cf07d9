/*
 * scan.h: which system calls does a program contain? Looks for `syscall`
 * instructions in the program's executable segments, and for the number loaded
 * before each. What it finds is true of the code as a compiler writes it, not of
 * what a hostile program can make happen: for people, never for a decision.
 * No allocation; time is linear in the size of the code. Any thread.
 */
#ifndef MF_IMAGE_SCAN_H
#define MF_IMAGE_SCAN_H

#include <stdint.h>

#include "base/limits.h"
#include "image/image.h"


struct scan_call {
    uint32_t number; /* as in eax */
    uint32_t sites;
};

struct scan {
    struct scan_call call[MF_SCAN_CALLS_MAX]; /* ascending numbers */
    uint32_t call_count;
    uint32_t sites;                        /* all `syscall` instructions */
    uint32_t jumps;                        /* of these, made jumps by the packer (stubs.h) */
    uint32_t unknown;                      /* those whose number is not known before run time */
    uint64_t unknown_at[MF_SCAN_UNKNOWN_MAX]; /* the first of these */
};

void scan_system_calls(const struct image_file *file, struct scan *scan);

/* "read", or "mayfly_next" for a call of abi/calls.h; NULL: nobody knows it. */
const char *scan_call_name(uint32_t number);

/* Of one architecture: add what bytes of code, which start at address, contain. */
void scan_code(const uint8_t *code, uint64_t bytes, uint64_t address, struct scan *scan);
/* One site more. */
void scan_add(struct scan *scan, uint32_t number);
void scan_add_unknown(struct scan *scan, uint64_t address);

#endif
