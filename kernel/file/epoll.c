/*
 * epoll.c: see epoll.h.
 * Each file that is watched has an item here, which is on the ready list from the change that
 * may have made it so. A look at the list asks the file; an item that is found ready goes to
 * the end of the list if it is level-triggered, and off it if it is edge-triggered; one that
 * is not goes off it, too.
 * Guarantees: items go when their file does; epolls watch each other in no circle, and at most
 * EPOLL_NEST_MAX in a row. Leaves to others: waiting (linux/files/wait.c). Owns its items.
 */
#include "kernel/file/epoll.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/core/user.h"
#include "kernel/file/limits.h"

/* Told without being asked for. */
#define ALWAYS (EPOLLERR | EPOLLHUP)
/* Not events, but how they are told. */
#define MODES (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

struct item {
    struct watcher watcher; /* of the file */
    struct epoll *epoll;
    struct item *next, *previous;             /* of the epoll                */
    struct item *ready_next, *ready_previous; /* of its ready list           */
    bool is_ready;                            /* on that list                */
    uint32_t fd;
    uint32_t events; /* without any but MODES: a one-shot that was told */
    uint64_t data;
};

struct epoll {
    struct file file;
    struct item *items;
    struct item *ready_first, *ready_last;
    uint32_t ready_count;
};

static const struct file_operations operations;
static void push_ready(struct item *item);
static void drop_ready(struct item *item);
static void item_destroy(struct item *item);

static struct epoll *epoll_of(struct file *file)
{
    return (struct epoll *)(void *)file;
}

struct file *epoll_create(void)
{
    struct epoll *epoll = heap_take(sizeof *epoll);
    if (!epoll)
        return NULL;
    file_init(&epoll->file, &operations, O_RDWR);
    return &epoll->file;
}

bool epoll_is(const struct file *file)
{
    return file->operations == &operations;
}

static void told(struct watcher *watcher)
{
    struct item *item = (struct item *)(void *)watcher;
    if (item->is_ready || !(item->events & ~MODES))
        return;
    push_ready(item);
    file_changed(&item->epoll->file);
}

static void gone(struct watcher *watcher)
{
    struct item *item = (struct item *)(void *)watcher;
    item_destroy(item);
}

static struct item *find(const struct file *epoll, const struct file *file, uint32_t fd)
{
    for (struct watcher *watcher = file->watchers; watcher; watcher = watcher->next) {
        struct item *item = (struct item *)(void *)watcher;
        if (watcher->told == told && &item->epoll->file == epoll && item->fd == fd)
            return item;
    }
    return NULL;
}

static uint32_t ready_events(struct item *item)
{
    return item->events & ~MODES ? file_ready(item->watcher.file) & item->events : 0;
}

/* Epolls in a row, this one included: those it watches, and those that watch it. More than
 * EPOLL_NEST_MAX count as one more. */
static uint32_t depth_below(const struct epoll *epoll, uint32_t most)
{
    uint32_t deepest = 0;
    for (const struct item *item = epoll->items; item && most; item = item->next)
        if (epoll_is(item->watcher.file)) {
            uint32_t depth = depth_below(epoll_of(item->watcher.file), most - 1);
            deepest = depth > deepest ? depth : deepest;
        }
    return deepest + 1;
}

static uint32_t depth_above(const struct epoll *epoll, uint32_t most)
{
    uint32_t highest = 0;
    for (const struct watcher *watcher = epoll->file.watchers; watcher && most;
         watcher = watcher->next)
        if (watcher->told == told) {
            uint32_t depth = depth_above(((const struct item *)(const void *)watcher)->epoll,
                                         most - 1);
            highest = depth > highest ? depth : highest;
        }
    return highest + 1;
}

static bool reaches(const struct epoll *from, const struct epoll *to, uint32_t most)
{
    if (from == to)
        return true;
    for (const struct item *item = from->items; item && most; item = item->next)
        if (epoll_is(item->watcher.file) &&
            reaches(epoll_of(item->watcher.file), to, most - 1))
            return true;
    return false;
}

static int may_watch(struct epoll *epoll, struct file *file)
{
    if (&epoll->file == file)
        return -EINVAL;
    if (file->operations->positioned || file->operations->list)
        return -EPERM; /* always ready */
    if (!epoll_is(file))
        return 0;
    if (reaches(epoll_of(file), epoll, EPOLL_NEST_MAX) ||
        depth_above(epoll, EPOLL_NEST_MAX) + depth_below(epoll_of(file), EPOLL_NEST_MAX) >
            EPOLL_NEST_MAX)
        return -ELOOP;
    return 0;
}

int epoll_add(struct file *file_of_epoll, struct file *file, uint32_t fd,
              const struct epoll_event *event)
{
    struct epoll *epoll = epoll_of(file_of_epoll);
    int error = may_watch(epoll, file);
    if (error)
        return error;
    if (find(file_of_epoll, file, fd))
        return -EEXIST;
    if (event->events & EPOLLEXCLUSIVE &&
        (epoll_is(file) || event->events & ~(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP |
                                             EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)))
        return -EINVAL;
    struct item *item = heap_take(sizeof *item);
    if (!item)
        return -ENOMEM;
    *item = (struct item){.watcher = {.told = told, .gone = gone},
                          .epoll = epoll,
                          .next = epoll->items,
                          .fd = fd,
                          .events = event->events | ALWAYS,
                          .data = event->data};
    if (item->next)
        item->next->previous = item;
    epoll->items = item;
    file_watch(file, &item->watcher);
    if (ready_events(item))
        told(&item->watcher);
    return 0;
}

int epoll_modify(struct file *epoll, struct file *file, uint32_t fd,
                 const struct epoll_event *event)
{
    struct item *item = find(epoll, file, fd);
    if (!item)
        return -ENOENT;
    if ((event->events | item->events) & EPOLLEXCLUSIVE)
        return -EINVAL;
    item->events = event->events | ALWAYS;
    item->data = event->data;
    if (ready_events(item))
        told(&item->watcher);
    return 0;
}

int epoll_delete(struct file *epoll, struct file *file, uint32_t fd)
{
    struct item *item = find(epoll, file, fd);
    if (!item)
        return -ENOENT;
    file_unwatch(&item->watcher);
    item_destroy(item);
    return 0;
}

int64_t epoll_take(struct file *file, uint64_t to, uint32_t most)
{
    struct epoll *epoll = epoll_of(file);
    uint32_t count = 0;
    for (uint32_t left = epoll->ready_count; left && count < most; left--) {
        struct item *item = epoll->ready_first;
        const struct epoll_event event = {ready_events(item), item->data};
        if (event.events && user_write(to + count * sizeof event, &event, sizeof event) != 0)
            return count ? (int64_t)count : -EFAULT;
        drop_ready(item);
        if (!event.events)
            continue;
        count++;
        if (item->events & EPOLLONESHOT)
            item->events &= MODES;
        else if (!(item->events & EPOLLET))
            push_ready(item);
    }
    return count;
}

static uint32_t epoll_ready(struct file *file)
{
    struct epoll *epoll = epoll_of(file);
    while (epoll->ready_first) {
        if (ready_events(epoll->ready_first))
            return POLLIN | POLLRDNORM;
        drop_ready(epoll->ready_first);
    }
    return 0;
}

static void epoll_close(struct file *file)
{
    struct epoll *epoll = epoll_of(file);
    while (epoll->items) {
        struct item *item = epoll->items;
        file_unwatch(&item->watcher);
        item_destroy(item);
    }
    heap_give(epoll, sizeof *epoll);
}

static void push_ready(struct item *item)
{
    struct epoll *epoll = item->epoll;
    item->is_ready = true;
    item->ready_next = NULL;
    item->ready_previous = epoll->ready_last;
    if (epoll->ready_last)
        epoll->ready_last->ready_next = item;
    else
        epoll->ready_first = item;
    epoll->ready_last = item;
    epoll->ready_count++;
}

static void drop_ready(struct item *item)
{
    struct epoll *epoll = item->epoll;
    if (item->ready_previous)
        item->ready_previous->ready_next = item->ready_next;
    else
        epoll->ready_first = item->ready_next;
    if (item->ready_next)
        item->ready_next->ready_previous = item->ready_previous;
    else
        epoll->ready_last = item->ready_previous;
    item->is_ready = false;
    epoll->ready_count--;
}

/* Its file has forgotten it already. */
static void item_destroy(struct item *item)
{
    if (item->is_ready)
        drop_ready(item);
    if (item->previous)
        item->previous->next = item->next;
    else
        item->epoll->items = item->next;
    if (item->next)
        item->next->previous = item->previous;
    heap_give(item, sizeof *item);
}

static const struct file_operations operations = {
    .name = "anon_inode:[eventpoll]",
    .ready = epoll_ready,
    .close = epoll_close,
};
