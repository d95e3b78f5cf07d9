/*
 * file.h: what descriptors refer to: files, pipes, sockets and their like. A struct file
 * stands at the beginning of a larger one, its maker's, and is counted.
 *
 * No operation waits. One that has nothing to give returns -EAGAIN, and its maker says
 * file_changed() when that may be different; whoever asked waits for that, be it a call
 * (file_wait), a poll or an epoll.
 */
#ifndef KERNEL_FILE_FILE_H
#define KERNEL_FILE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/io.h"
#include "kernel/task/wait.h"

struct file;
struct watcher;
struct place;    /* fs/place.h */
struct pipe_end; /* pipe.h */

/* What stat(2) and statx(2) tell. */
struct file_stat {
    uint64_t device, number; /* of its file system, and there */
    uint32_t mode, links;    /* S_IF… and permissions */
    uint32_t user, group;
    uint64_t device_number;  /* of what it is itself, if it is a device */
    uint64_t bytes, blocks;  /* blocks of 512 bytes */
    uint32_t block_bytes;
    int64_t accessed_ns, modified_ns, changed_ns; /* CLOCK_REALTIME */
};

struct file_operations {
    const char *name; /* "pipe", "socket", "anon_inode:[eventpoll]"; files with a place: NULL */
    bool positioned;  /* transfers are at a position; else it is a stream */

    /* Bytes moved, as many as there are up to io->bytes, which is not 0; or -errno. position: of a
     * positioned file, moved on; else NULL. NULL operations: -EBADF, as the flags will say. */
    int64_t (*read)(struct file *file, struct io *io, uint64_t *position);
    int64_t (*write)(struct file *file, struct io *io, uint64_t *position);

    /* POLL… that hold now, of those that poll(2) tells. NULL: POLLIN, POLLOUT always. */
    uint32_t (*ready)(struct file *file);

    /* 0 or -errno; stat is zero before. NULL: what a pipe would say. */
    int (*stat)(struct file *file, struct file_stat *stat);
    /* The new position, from an offset and SEEK_…; sees to file->position. NULL: -ESPIPE. */
    int64_t (*seek)(struct file *file, int64_t offset, int whence);
    int64_t (*control)(struct file *file, uint64_t request, uint64_t argument); /* NULL: -ENOTTY */
    int64_t (*resize)(struct file *file, uint64_t bytes);                       /* NULL: -EINVAL */
    /* Entries of a folder as getdents64 has them, from file->position on. NULL: -ENOTDIR. */
    int64_t (*list)(struct file *file, struct io *io);
    /* O_NONBLOCK was set or cleared. NULL: nothing to do. */
    void (*flags_changed)(struct file *file);
    /* Which file of a file system it is, borrowed. NULL: none of those. */
    const struct place *(*place)(struct file *file);
    /* Its end of a pipe (pipe.h). NULL: it is none. */
    struct pipe_end *(*pipe)(struct file *file);
    /* A descriptor of it is closed; others may refer to it still. NULL: nothing to do. */
    void (*descriptor_closed)(struct file *file);

    /* The last reference is gone: give all of it back, the struct, too. */
    void (*close)(struct file *file);
};

struct file {
    const struct file_operations *operations;
    uint32_t references;
    uint32_t flags; /* O_…: access mode, O_NONBLOCK, O_APPEND, O_DIRECT, O_PATH */
    uint64_t position;
    uint64_t number; /* another one for each file that has no place */
    struct wait_queue changed;
    struct watcher *watchers;
};

/* Zero and allocated by its maker, who has the one reference. */
void file_init(struct file *file, const struct file_operations *operations, uint32_t flags);
struct file *file_get(struct file *file);
void file_put(struct file *file);

static inline bool file_may_read(const struct file *file)
{
    return (file->flags & 3) == 0 || (file->flags & 3) == 2; /* O_RDONLY, O_RDWR */
}

static inline bool file_may_write(const struct file *file)
{
    return (file->flags & 3) == 1 || (file->flags & 3) == 2; /* O_WRONLY, O_RDWR */
}

/* What ready() would say may be different: wake who waits, tell watchers. Once for each change,
 * even if what holds is the same as before: edges are counted by it. */
void file_changed(struct file *file);

/* For a call that found nothing (-EAGAIN): it begins again when the file has changed. WAIT,
 * -EAGAIN if the file is O_NONBLOCK, -ETIMEDOUT, WAIT_INTERRUPTED. */
int64_t file_wait(struct file *file, uint64_t deadline_ns);

/* What ready() says; the POLL… of a stream that is always ready if it has none. */
uint32_t file_ready(struct file *file);

/* Who wants to hear of each change (epoll). told() may not wait, nor close files. */
struct watcher {
    struct watcher *next, *previous;
    struct file *file; /* not counted: gone() comes first */
    void (*told)(struct watcher *watcher);
    void (*gone)(struct watcher *watcher); /* unlinked already */
};
void file_watch(struct file *file, struct watcher *watcher);
void file_unwatch(struct watcher *watcher);

/* Whole calls, for descriptors and for whoever has a file: as read(2) and write(2) and their
 * relatives, waiting included, as a handler's result. at: a position of the call's own (pread),
 * or NULL. A task has one of them at a time: what was done stands in call_state(). */
int64_t file_read(struct file *file, struct io *io, uint64_t *at);
int64_t file_write(struct file *file, struct io *io, uint64_t *at);

/* The current task has written for nobody: SIGPIPE; more than a file may have: SIGXFSZ. */
void file_broken(void);
void file_too_large(void);

#endif
