/*
 * signalfd.c: see signalfd.h. Who reads gets what is pending for itself or for the process; so the
 * answers to two threads may differ, as on Linux.
 * Leaves to others: what is pending (linux/many/signal.h). Owns the list of those that are open.
 */
#include "kernel/file/signalfd.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/signalfd.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/linux/many/signal.h"

struct signalfd {
    struct file file;
    struct signalfd *next;
    uint64_t mask;
};

static struct signalfd *all;

static const struct file_operations operations;

static struct signalfd *signalfd_of(struct file *file)
{
    return (struct signalfd *)(void *)file;
}

struct file *signalfd_create(uint64_t mask, uint32_t flags)
{
    struct signalfd *signals = heap_take(sizeof *signals);
    if (!signals)
        return NULL;
    file_init(&signals->file, &operations, O_RDWR | flags);
    signals->mask = mask & ~SIGNAL_UNBLOCKABLE;
    signals->next = all;
    all = signals;
    return &signals->file;
}

int signalfd_set(struct file *file, uint64_t mask)
{
    if (file->operations != &operations)
        return -EINVAL;
    signalfd_of(file)->mask = mask & ~SIGNAL_UNBLOCKABLE;
    file_changed(file);
    return 0;
}

void signalfd_tell(uint64_t signals)
{
    for (struct signalfd *one = all; one; one = one->next)
        if (one->mask & signals)
            file_changed(&one->file);
}

static struct signalfd_siginfo told(const struct siginfo *info)
{
    struct signalfd_siginfo told = {
        .ssi_signo = (uint32_t)info->si_signo,
        .ssi_errno = info->si_errno,
        .ssi_code = info->si_code,
    };
    switch (info->si_code) {
    case SI_TIMER:
        told.ssi_tid = (uint32_t)info->si_tid;
        told.ssi_overrun = (uint32_t)info->si_overrun;
        break;
    default:
        told.ssi_pid = (uint32_t)info->si_pid;
        told.ssi_uid = (uint32_t)info->si_uid;
    }
    if (info->si_code == SI_QUEUE || info->si_code == SI_TIMER) {
        told.ssi_int = info->si_int;
        told.ssi_ptr = (uint64_t)info->si_ptr;
    }
    return told;
}

static int64_t signalfd_read(struct file *file, struct io *io, uint64_t *position)
{
    const uint64_t mask = signalfd_of(file)->mask;
    struct siginfo info;
    int64_t bytes = 0;
    (void)position;
    if (io->bytes < sizeof(struct signalfd_siginfo))
        return -EINVAL;
    while (io->bytes >= sizeof(struct signalfd_siginfo) && signal_take(task_current, mask, &info)) {
        const struct signalfd_siginfo one = told(&info);
        if (io_put(io, &one, sizeof one) != 0)
            return bytes ? bytes : -EFAULT;
        bytes += (int64_t)sizeof one;
    }
    if (bytes == 0)
        return -EAGAIN;
    io->bytes = 0; /* what is left is too little, or there are no more: the call ends */
    return bytes;
}

static int64_t signalfd_write(struct file *file, struct io *io, uint64_t *position)
{
    (void)file, (void)io, (void)position;
    return -EINVAL; /* a descriptor to be written to, all the same */
}

/* Who asks may be nobody: when signals come, epolls look at what they watch. */
static uint32_t signalfd_ready(struct file *file)
{
    const struct task *task = task_current ? task_current : task_first;
    return task && signal_pending(task) & signalfd_of(file)->mask ? POLLIN | POLLRDNORM : 0;
}

static void signalfd_close(struct file *file)
{
    struct signalfd **link = &all;
    while (*link != signalfd_of(file))
        link = &(*link)->next;
    *link = (*link)->next;
    heap_give(file, sizeof(struct signalfd));
}

static const struct file_operations operations = {
    .name = "anon_inode:[signalfd]",
    .read = signalfd_read,
    .write = signalfd_write,
    .ready = signalfd_ready,
    .close = signalfd_close,
};
