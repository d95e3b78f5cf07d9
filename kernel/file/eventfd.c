/*
 * eventfd.c: see eventfd.h.
 * Guarantees: the counter never reaches UINT64_MAX. Owns it.
 */
#include "kernel/file/eventfd.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/core/heap.h"

struct eventfd {
    struct file file;
    uint64_t count;
    bool semaphore;
};

static const struct file_operations operations;

struct file *eventfd_create(uint64_t count, bool semaphore, uint32_t flags)
{
    struct eventfd *event = heap_take(sizeof *event);
    if (!event)
        return NULL;
    file_init(&event->file, &operations, O_RDWR | flags);
    event->count = count;
    event->semaphore = semaphore;
    return &event->file;
}

static struct eventfd *eventfd_of(struct file *file)
{
    return (struct eventfd *)(void *)file;
}

static int64_t eventfd_read(struct file *file, struct io *io, uint64_t *position)
{
    struct eventfd *event = eventfd_of(file);
    (void)position;
    if (io->bytes < sizeof event->count)
        return -EINVAL;
    if (event->count == 0)
        return -EAGAIN;
    uint64_t taken = event->semaphore ? 1 : event->count;
    if (io_put(io, &taken, sizeof taken) != 0)
        return -EFAULT;
    event->count -= taken;
    file_changed(file);
    return sizeof taken;
}

static int64_t eventfd_write(struct file *file, struct io *io, uint64_t *position)
{
    struct eventfd *event = eventfd_of(file);
    struct io from = *io; /* which stays as it is until the number is taken */
    uint64_t more;
    (void)position;
    if (io->bytes < sizeof more)
        return -EINVAL;
    if (io_get(&from, &more, sizeof more) != 0)
        return -EFAULT;
    if (more == UINT64_MAX)
        return -EINVAL;
    if (more >= UINT64_MAX - event->count)
        return -EAGAIN;
    event->count += more;
    *io = from;
    io->bytes = 0; /* one number is all that a call writes */
    file_changed(file);
    return sizeof more;
}

static uint32_t eventfd_ready(struct file *file)
{
    uint64_t count = eventfd_of(file)->count;
    return (count ? POLLIN | POLLRDNORM : 0u) |
           (count < UINT64_MAX - 1 ? POLLOUT | POLLWRNORM : 0u);
}

static void eventfd_close(struct file *file)
{
    heap_give(file, sizeof(struct eventfd));
}

static const struct file_operations operations = {
    .name = "anon_inode:[eventfd]",
    .read = eventfd_read,
    .write = eventfd_write,
    .ready = eventfd_ready,
    .close = eventfd_close,
};
