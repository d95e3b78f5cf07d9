/*
 * lock.h: locks on files, which only those heed who ask (flock(2), fcntl(2)): of a whole file, by an open
 * file; of ranges of its bytes, by an open file or by the process, all of which is one. The two kinds do
 * not know each other. At most LOCKS_MAX together. Only in the kernel for Linux programs.
 */
#ifndef KERNEL_FILE_LOCK_H
#define KERNEL_FILE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/file.h"

enum lock_type { LOCK_NONE, LOCK_SHARED, LOCK_ALONE };

struct lock_range {
    enum lock_type type; /* LOCK_NONE: to be free again    */
    bool process;        /* the process's; else the file's */
    uint64_t start, last; /* bytes, at most INT64_MAX      */
};

/* 0; -EAGAIN: another one's is in the way; if it `waits`, what wait_for() says; -ENOLCK: no room. One that
 * is shared already is not had alone unless nobody else has it: of the whole file it is lost meanwhile, of
 * a range kept. */
int64_t lock_whole(struct file *file, enum lock_type type, bool waits);
int64_t lock_range(struct file *file, const struct lock_range *range, bool waits);

/* The first that is in the way of a range: it is told in the range's place. False: none. */
bool lock_in_the_way(struct file *file, struct lock_range *range);

/* A descriptor of the file is closed: the process has no lock on what it was of. */
void lock_descriptor_closed(struct file *file);
/* Nothing refers to the file any more: nor has it a lock. */
void lock_file_closed(const struct file *file);

#endif
