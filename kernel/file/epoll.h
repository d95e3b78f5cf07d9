/*
 * epoll.h: readiness of many files at once (epoll(7)). An epoll is a file itself, ready to be
 * read when one that it watches is, and may be watched by another.
 */
#ifndef KERNEL_FILE_EPOLL_H
#define KERNEL_FILE_EPOLL_H

#include <linux/eventpoll.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/file.h"

/* One reference, the caller's. NULL: no memory. */
struct file *epoll_create(void);
bool epoll_is(const struct file *file);

/* As epoll_ctl(2), on an epoll. fd: the number under which the file is known there. -EEXIST,
 * -ENOENT, -EPERM, -EINVAL, -ELOOP, -ENOMEM. */
int epoll_add(struct file *epoll, struct file *file, uint32_t fd, const struct epoll_event *event);
int epoll_modify(struct file *epoll, struct file *file, uint32_t fd,
                 const struct epoll_event *event);
int epoll_delete(struct file *epoll, struct file *file, uint32_t fd);

/* What is ready, to the program's memory: how many, at most so many. -EFAULT. */
int64_t epoll_take(struct file *epoll, uint64_t to, uint32_t most);

#endif
