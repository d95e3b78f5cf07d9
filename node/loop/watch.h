/*
 * watch.h: descriptors whose readiness the loop waits for, by the hundred, behind
 * one epoll descriptor: adding and removing is one system call and at once over,
 * so that what owns a descriptor may free itself. One thread.
 */
#ifndef MF_NODE_LOOP_WATCH_H
#define MF_NODE_LOOP_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

#define WATCH_BATCH 64

struct watch {
    int fd; /* -1: not watched */
    uint32_t events;
    void (*ready)(struct watch *watch, uint32_t events);
};

struct watcher {
    int fd; /* epoll; -1: not open. Readable: call watcher_run() */
    struct epoll_event batch[WATCH_BATCH];
    int batch_at, batch_count;
};

MF_CHECKED mf_err watcher_open(struct watcher *watcher);
void watcher_close(struct watcher *watcher);

/* events as of epoll_ctl(2). ready() may remove and free any watch. */
MF_CHECKED mf_err watch_add(struct watcher *watcher, struct watch *watch, int fd, uint32_t events,
                            void (*ready)(struct watch *watch, uint32_t events));
/* Before its descriptor is closed. Harmless on one that is not watched. */
void watch_remove(struct watcher *watcher, struct watch *watch);

/* Stop listening for a while, or go on; an end of the descriptor is heard all the same.
 * After a pause ready() is called for what is there. */
void watch_pause(struct watcher *watcher, struct watch *watch, bool pause);

/* Call ready() of those that are, one batch at most. */
void watcher_run(struct watcher *watcher);

#endif
