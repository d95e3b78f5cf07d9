/*
 * raw_image.h: images around a few instructions instead of our kernel, for tests of
 * what lies below it. Text is one page at MF_KERNEL_BASE, from raw_guests.S; the program's is
 * from raw_preempt.S.
 */
#ifndef MF_TESTS_RAW_IMAGE_H
#define MF_TESTS_RAW_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers that raw_guests.S repeats. */
#define RAW_DATA 0x101000       /* zero, read-write: structs */
#define RAW_STACK_TOP 0x103000
#define RAW_TRAP_TOP 0x106000   /* with two pages under it */
#define RAW_DATA_END 0x106000
#define RAW_BSS_END 0x402000    /* the program: a page of text, a page of zeros */

/* Labels in raw_guests.S: where the guest begins, where system calls and exceptions
 * arrive. NULL: raw_wrong, which ends with MF_CAUSE_KERNEL_BUG. */
struct raw_entries {
    const char *entry, *syscall, *exception;
};

/* A memory file holding such an image; the caller closes it. -1 on failure. */
int raw_image(const struct raw_entries *entries);
/* The same with these flags (abi/image.h). */
int raw_image_flagged(const struct raw_entries *entries, uint32_t flags);

/* The same bytes in memory, for parsers: RAW_IMAGE_BYTES of them. */
#define RAW_IMAGE_BYTES 0x3000
void raw_image_write(const struct raw_entries *entries, unsigned char *file);

#endif
