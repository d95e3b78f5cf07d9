/*
 * watch.c: one epoll descriptor for many.
 * Guarantees: after watch_remove() a watch's ready() is not called, not even for
 * events that had been fetched before.
 * Owns the epoll descriptor, no watch. One thread.
 */
#include "node/loop/watch.h"

#include <errno.h>
#include <unistd.h>

mf_err watcher_open(struct watcher *watcher)
{
    *watcher = (struct watcher){.fd = epoll_create1(EPOLL_CLOEXEC)};
    return watcher->fd < 0 ? mf_err_from_errno(errno) : MF_OK;
}

void watcher_close(struct watcher *watcher)
{
    if (watcher->fd >= 0)
        (void)close(watcher->fd);
    watcher->fd = -1;
}

mf_err watch_add(struct watcher *watcher, struct watch *watch, int fd, uint32_t events,
                 void (*ready)(struct watch *watch, uint32_t events_now))
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};
    watch->fd = -1;
    if (epoll_ctl(watcher->fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return mf_err_from_errno(errno);
    watch->fd = fd;
    watch->events = events;
    watch->ready = ready;
    return MF_OK;
}

void watch_remove(struct watcher *watcher, struct watch *watch)
{
    if (watch->fd < 0)
        return;
    (void)epoll_ctl(watcher->fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    for (int i = watcher->batch_at; i < watcher->batch_count; i++)
        if (watcher->batch[i].data.ptr == watch)
            watcher->batch[i].data.ptr = NULL;
}

void watch_pause(struct watcher *watcher, struct watch *watch, bool pause)
{
    struct epoll_event event = {.events = pause ? 0 : watch->events, .data = {.ptr = watch}};
    if (watch->fd >= 0) /* cannot fail for a descriptor that is watched */
        (void)epoll_ctl(watcher->fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void watcher_run(struct watcher *watcher)
{
    int count = epoll_wait(watcher->fd, watcher->batch, WATCH_BATCH, 0);
    watcher->batch_count = count > 0 ? count : 0;
    for (watcher->batch_at = 0; watcher->batch_at < watcher->batch_count;) {
        struct epoll_event event = watcher->batch[watcher->batch_at++];
        struct watch *watch = event.data.ptr;
        if (watch)
            watch->ready(watch, event.events);
    }
    watcher->batch_count = watcher->batch_at = 0;
}
