/*
 * vector.h: the program's vector state, which the kernel itself never touches: how
 * much of it the monitor enabled, and how it goes to memory and back (Intel SDM
 * volume 1, chapter 13).
 */
#ifndef KERNEL_X86_64_VECTOR_H
#define KERNEL_X86_64_VECTOR_H

#include <stdint.h>

#define VECTOR_LEGACY_BYTES 512u /* FXSAVE's part */
#define VECTOR_HEADER_BYTES 64u
#define VECTOR_ALIGN 64u

struct vector {
    uint64_t components; /* as in XCR0; 0: FXSAVE is all there is */
    uint32_t bytes;      /* of an area, at most `most`            */
};

/* What there is here, x87 and SSE alone if the rest does not fit into `most` bytes. */
struct vector vector_find(uint32_t most);

/* An area becomes that of a program that starts. */
void vector_begin(const struct vector *vector, void *area);
/* area: aligned, vector.bytes long; for save zeros in its header. restore: nonzero if the
 * processor refuses what stands there. */
void vector_save(const struct vector *vector, void *area);
int vector_restore(const struct vector *vector, const void *area);

#endif
