/* inotify.h: what has happened to watched places, as a file that is read: inotify(7). */
#ifndef KERNEL_FS_INOTIFY_H
#define KERNEL_FS_INOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/file.h"
#include "kernel/fs/place.h"

struct watch;

/* An event that nobody has read; its name behind it. */
struct queued {
    struct queued *next;
    int32_t watch; /* its number */
    uint32_t mask, cookie, name_bytes;
};

struct inotify {
    struct file file;
    struct watch *watches;
    int32_t last_number;
    uint32_t queued_count;
    struct queued *first, *last;
    struct queued overflow; /* stands in the queue once it has lost something */
    bool overflowed;
};

/* flags: O_NONBLOCK or 0. 0, -EMFILE: INOTIFY_MAX, -ENOMEM. */
int inotify_create(uint32_t flags, struct inotify **inotify);
/* NULL: it is none. */
struct inotify *inotify_of(struct file *file);

/* One more; the same as the last one that nobody has read is none. Without room for it the queue says
 * that it has lost some. */
void inotify_queue(struct inotify *inotify, int32_t watch, uint32_t mask, uint32_t cookie,
                   struct name name);

#endif
