/*
 * descriptor.h: the process's descriptors: numbers for files. There is one table; it grows
 * to DESCRIPTORS_MAX.
 */
#ifndef KERNEL_FILE_DESCRIPTOR_H
#define KERNEL_FILE_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/file.h"

/* 0, 1 and 2. */
void descriptor_start(void);

/* The file, borrowed: for the call, as long as it does not wait. NULL: no such descriptor, or
 * one of O_PATH, which is no good for transfers. */
struct file *descriptor_file(uint64_t fd);
/* The same, with those of O_PATH. */
struct file *descriptor_any(uint64_t fd);

/* The lowest free number, from `least` on, for a file whose one reference becomes the table's; it
 * is given back if there is no number below the limit. -EMFILE, -ENOMEM. */
int64_t descriptor_add(struct file *file, bool close_on_exec, uint32_t least);
/* A number of the caller's choice; what it referred to is closed. */
int64_t descriptor_set(struct file *file, bool close_on_exec, uint32_t fd);
int descriptor_close(uint64_t fd);

/* Whether it is closed when another program is executed. False: not open. */
bool descriptor_flag(uint64_t fd, bool *close_on_exec);
bool descriptor_flag_set(uint64_t fd, bool close_on_exec);

/* New ones are below this number from now on, at most DESCRIPTORS_MAX; those that are open stay. */
void descriptor_limit(uint32_t limit);
uint32_t descriptor_limit_now(void);

/* Close those whose flag says so. */
void descriptor_execute(void);

/* The first open one from fd on; DESCRIPTORS_MAX: none. */
uint32_t descriptor_next(uint32_t fd);

#endif
