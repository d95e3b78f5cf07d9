/*
 * watch.h: who wants to hear what happens to a place: inotify(7)'s watches. A place that can change has a
 * list of them, its file system's (place.h), empty at first; of others there is nothing to hear.
 */
#ifndef KERNEL_FS_WATCH_H
#define KERNEL_FS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/place.h"

struct inotify;

struct watch {
    struct watch *next;       /* of the place                          */
    struct watch **first;     /* where that list begins; NULL: on none */
    struct watch *owners_next;
    struct inotify *owner;
    struct place place;       /* not held                              */
    int32_t number;
    uint32_t mask;            /* IN_…                                  */
};

/* The watch's number. mask: IN_…; with IN_MASK_CREATE -EEXIST if there is one already. -ENOSPC:
 * WATCHES_MAX. */
int64_t watch_add(struct inotify *owner, const struct place *place, uint32_t mask);
/* -EINVAL: there is none of that number. */
int watch_remove(struct inotify *owner, int32_t number);
/* All of the owner's, who is no more told. */
void watch_close(struct inotify *owner);

/* Is there any? */
bool watch_any(void);
/* Something has happened. name: of what is in the folder, bytes 0: to the place itself. */
void watch_tell(struct watch *first, uint32_t mask, uint32_t cookie, struct name name);
/* The place goes, and its watches with it. */
void watch_gone(struct watch **first);

#endif
