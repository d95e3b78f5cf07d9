/*
 * heap.h: memory of the kernel's own: tasks, files, buffers. From a part at the top of
 * the window that the program cannot map. Only in the kernel for Linux programs.
 */
#ifndef KERNEL_CORE_HEAP_H
#define KERNEL_CORE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Keep a part of the window back. After memory_start(), before the program maps any. */
void heap_start(void);

/* Zero; aligned to 16 bytes, from 64 bytes on to 64, from a page on to pages. NULL: there
 * is no more. */
void *heap_take(size_t bytes);
/* Give it back, with the number of bytes that it was taken with. NULL: nothing. */
void heap_give(void *at, size_t bytes);

/* Bytes that are handed out, and that could be at most. */
void heap_usage(uint64_t *used, uint64_t *total);

#endif
