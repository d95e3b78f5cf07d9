/*
 * file.c: see file.h.
 * Guarantees: who waits or watches is told of each change, and of the end.
 * Leaves to others: what a file is. Owns nothing but the next number.
 */
#include "kernel/file/file.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/core/assert.h"
#include "kernel/file/lock.h"

static uint64_t last_number;

void file_init(struct file *file, const struct file_operations *operations, uint32_t flags)
{
    *file = (struct file){
        .operations = operations, .references = 1, .flags = flags, .number = ++last_number};
}

struct file *file_get(struct file *file)
{
    mf_assert(file->references > 0 && file->references < UINT32_MAX);
    file->references++;
    return file;
}

void file_put(struct file *file)
{
    mf_assert(file->references > 0);
    if (--file->references)
        return;
    while (file->watchers) {
        struct watcher *watcher = file->watchers;
        file_unwatch(watcher);
        watcher->gone(watcher);
    }
    lock_file_closed(file);
    wait_wake(&file->changed, WAIT_ALL); /* they look again, and find it gone */
    file->operations->close(file);
}

void file_changed(struct file *file)
{
    if (file->changed.first)
        wait_wake(&file->changed, WAIT_ALL);
    for (struct watcher *watcher = file->watchers; watcher;) {
        struct watcher *next = watcher->next;
        watcher->told(watcher);
        watcher = next;
    }
}

int64_t file_wait(struct file *file, uint64_t deadline_ns)
{
    return file->flags & O_NONBLOCK ? -EAGAIN : wait_for(&file->changed, deadline_ns);
}

uint32_t file_ready(struct file *file)
{
    if (file->operations->ready)
        return file->operations->ready(file);
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

void file_watch(struct file *file, struct watcher *watcher)
{
    watcher->file = file;
    watcher->previous = NULL;
    watcher->next = file->watchers;
    if (watcher->next)
        watcher->next->previous = watcher;
    file->watchers = watcher;
}

void file_unwatch(struct watcher *watcher)
{
    if (watcher->previous)
        watcher->previous->next = watcher->next;
    else
        watcher->file->watchers = watcher->next;
    if (watcher->next)
        watcher->next->previous = watcher->previous;
    watcher->file = NULL;
}
