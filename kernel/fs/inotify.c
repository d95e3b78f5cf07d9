/*
 * inotify.c: see inotify.h.
 * Guarantees: at most INOTIFY_MAX of them, each with at most INOTIFY_EVENTS_MAX events in its queue, and
 * one that says that there were more. Leaves to others: watches (watch.c). Owns queues.
 */
#include "kernel/fs/inotify.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/inotify.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/fs/watch.h"

static uint32_t inotify_used;

static const struct file_operations operations;

int inotify_create(uint32_t flags, struct inotify **inotify)
{
    if (inotify_used == INOTIFY_MAX)
        return -EMFILE;
    *inotify = heap_take(sizeof **inotify);
    if (!*inotify)
        return -ENOMEM;
    inotify_used++;
    file_init(&(*inotify)->file, &operations, flags);
    return 0;
}

struct inotify *inotify_of(struct file *file)
{
    return file->operations == &operations ? (struct inotify *)(void *)file : NULL;
}

static bool is_last(const struct inotify *inotify, int32_t watch, uint32_t mask, struct name name)
{
    const struct queued *last = inotify->last;
    return last && !(last->mask & IN_IGNORED) && last->watch == watch && last->mask == mask &&
           last->name_bytes == name.bytes &&
           (name.bytes == 0 || memcmp(last + 1, name.text, name.bytes) == 0);
}

void inotify_queue(struct inotify *inotify, int32_t watch, uint32_t mask, uint32_t cookie,
                   struct name name)
{
    if (is_last(inotify, watch, mask, name))
        return;
    struct queued *one = inotify->queued_count < INOTIFY_EVENTS_MAX
                             ? heap_take(sizeof *one + name.bytes)
                             : NULL;
    if (!one && inotify->overflowed)
        return;
    if (one) {
        *one = (struct queued){NULL, watch, mask, cookie, name.bytes};
        if (name.bytes)
            memcpy(one + 1, name.text, name.bytes);
    } else {
        one = &inotify->overflow;
        *one = (struct queued){.watch = -1, .mask = IN_Q_OVERFLOW};
        inotify->overflowed = true;
    }
    *(inotify->last ? &inotify->last->next : &inotify->first) = one;
    inotify->last = one;
    inotify->queued_count++;
    file_changed(&inotify->file);
}

static void take_first(struct inotify *inotify)
{
    struct queued *one = inotify->first;
    inotify->first = one->next;
    if (!one->next)
        inotify->last = NULL;
    inotify->queued_count--;
    if (one == &inotify->overflow)
        inotify->overflowed = false;
    else
        heap_give(one, sizeof *one + one->name_bytes);
}

/* Of a name with its NUL, so that the next event is aligned. */
static uint32_t padded(const struct queued *one)
{
    const uint32_t step = sizeof(struct inotify_event);
    return one->name_bytes ? (one->name_bytes + step) / step * step : 0;
}

static int put(struct io *io, const struct queued *one)
{
    const struct inotify_event event = {
        .wd = one->watch, .mask = one->mask, .cookie = one->cookie, .len = padded(one)};
    int error = io_put(io, &event, sizeof event);
    if (!error && one->name_bytes)
        error = io_put(io, one + 1, one->name_bytes);
    return error ? error : io_zero(io, event.len - one->name_bytes);
}

static int64_t inotify_read(struct file *file, struct io *io, uint64_t *position)
{
    struct inotify *inotify = inotify_of(file);
    int64_t done = 0;
    (void)position;
    if (!inotify->first)
        return -EAGAIN;
    while (inotify->first) {
        const uint32_t bytes = (uint32_t)sizeof(struct inotify_event) + padded(inotify->first);
        if (io->bytes < bytes)
            return done ? done : -EINVAL;
        if (put(io, inotify->first) != 0)
            return done ? done : -EFAULT;
        done += bytes;
        take_first(inotify);
    }
    return done;
}

static uint32_t inotify_ready(struct file *file)
{
    return inotify_of(file)->first ? POLLIN | POLLRDNORM : 0;
}

static int64_t inotify_control(struct file *file, uint64_t request, uint64_t argument)
{
    int32_t bytes = 0;
    for (const struct queued *one = inotify_of(file)->first; one; one = one->next)
        bytes += (int32_t)(sizeof(struct inotify_event) + padded(one));
    return request == FIONREAD ? user_write(argument, &bytes, sizeof bytes) : -ENOTTY;
}

static void inotify_close(struct file *file)
{
    struct inotify *inotify = inotify_of(file);
    watch_close(inotify);
    while (inotify->first)
        take_first(inotify);
    inotify_used--;
    heap_give(inotify, sizeof *inotify);
}

static const struct file_operations operations = {
    .name = "anon_inode:inotify",
    .read = inotify_read,
    .ready = inotify_ready,
    .control = inotify_control,
    .close = inotify_close,
};
