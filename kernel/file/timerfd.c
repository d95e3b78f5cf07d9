/*
 * timerfd.c: see timerfd.h.
 * Guarantees: every time that has come is counted once. Leaves to others: that clocks differ
 * (linux/files/timer.c). Owns its deadline.
 */
#include "kernel/file/timerfd.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/task/deadline.h"
#include "kernel/linux/time.h"

struct timerfd {
    struct file file;
    struct deadline deadline;
    uint64_t interval_ns;
    uint64_t count; /* times that came and were not read */
    uint32_t clock;
};

static const struct file_operations operations;

static struct timerfd *timerfd_of(struct file *file)
{
    return (struct timerfd *)(void *)file;
}

static void due(struct deadline *deadline)
{
    struct timerfd *timer =
        (struct timerfd *)(void *)((uint8_t *)deadline - offsetof(struct timerfd, deadline));
    uint64_t late_ns = time_monotonic() - deadline->at_ns;
    timer->count++;
    if (timer->interval_ns) {
        timer->count += late_ns / timer->interval_ns;
        deadline_set(deadline, deadline->at_ns +
                                   (late_ns / timer->interval_ns + 1) * timer->interval_ns);
    }
    file_changed(&timer->file);
}

/* A time that has come, and that nobody has told yet. */
static void catch_up(struct timerfd *timer)
{
    if (!timer->deadline.set || timer->deadline.at_ns > time_monotonic())
        return;
    deadline_clear(&timer->deadline);
    due(&timer->deadline);
}

struct file *timerfd_create(uint32_t clock, uint32_t flags)
{
    struct timerfd *timer = heap_take(sizeof *timer);
    if (!timer)
        return NULL;
    file_init(&timer->file, &operations, O_RDONLY | flags);
    timer->deadline.due = due;
    timer->clock = clock;
    return &timer->file;
}

int timerfd_set(struct file *file, const struct timerfd_times *times)
{
    struct timerfd *timer = timerfd_of(file);
    if (file->operations != &operations)
        return -EINVAL;
    timer->count = 0;
    timer->interval_ns = times->interval_ns;
    deadline_clear(&timer->deadline);
    if (times->at_ns)
        deadline_set(&timer->deadline, times->at_ns);
    catch_up(timer);
    return 0;
}

int timerfd_get(struct file *file, struct timerfd_times *times)
{
    const struct timerfd *timer = timerfd_of(file);
    if (file->operations != &operations)
        return -EINVAL;
    *times = (struct timerfd_times){timer->deadline.set ? timer->deadline.at_ns : 0,
                                    timer->interval_ns};
    return 0;
}

int timerfd_clock(struct file *file, uint32_t *clock)
{
    if (file->operations != &operations)
        return -EINVAL;
    *clock = timerfd_of(file)->clock;
    return 0;
}

static int64_t timerfd_read(struct file *file, struct io *io, uint64_t *position)
{
    struct timerfd *timer = timerfd_of(file);
    (void)position;
    if (io->bytes < sizeof timer->count)
        return -EINVAL;
    catch_up(timer);
    if (timer->count == 0)
        return -EAGAIN;
    if (io_put(io, &timer->count, sizeof timer->count) != 0)
        return -EFAULT;
    timer->count = 0;
    return sizeof timer->count;
}

static uint32_t timerfd_ready(struct file *file)
{
    return timerfd_of(file)->count ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_close(struct file *file)
{
    deadline_clear(&timerfd_of(file)->deadline);
    heap_give(file, sizeof(struct timerfd));
}

static const struct file_operations operations = {
    .name = "anon_inode:[timerfd]",
    .read = timerfd_read,
    .ready = timerfd_ready,
    .close = timerfd_close,
};
