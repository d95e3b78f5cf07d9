/*
 * content.h: the bytes of a file in memory, in one piece: of the kernel's heap; or, while the program
 * has it mapped to be shared, of the program's memory, which it does not outgrow then (lent.h).
 * All of them together are bounded by a share of the kernel's own memory.
 */
#ifndef KERNEL_FS_CONTENT_H
#define KERNEL_FS_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/io.h"

struct lent;

/* Zero: empty. */
struct content {
    uint8_t *data;
    uint64_t bytes, room; /* what is behind the bytes is zero */
    struct lent *lent;    /* it is in the program's memory; or NULL */
};

/* Bytes of a buffer of the kernel's; to be the first. 0 or -ENOSPC. */
int content_set(struct content *content, const void *data, uint64_t bytes);
/* As in place.h. -ENOSPC; -EBUSY: it is mapped, and there is no room behind it. */
int content_resize(struct content *content, uint64_t bytes);
int64_t content_read(const struct content *content, struct io *io, uint64_t *position);
int64_t content_write(struct content *content, struct io *io, uint64_t *position);

/* One mapping more of these bytes, whole pages: where they lie. back() is called with the owner when
 * nobody has a page of it any more: content_take_back() or content_drop(). */
int64_t content_map(struct content *content, uint64_t offset, uint64_t bytes, void *owner,
                    void (*back)(void *owner));
bool content_is_mapped(const struct content *content);
/* To the kernel's own memory again. Without memory for it there it stays where it is. */
void content_take_back(struct content *content);

/* It is empty then, wherever it was. */
void content_drop(struct content *content);

void content_usage(uint64_t *used, uint64_t *total);

#endif
