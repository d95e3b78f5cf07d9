/*
 * fifo.c: see fifo.h.
 * Guarantees: who opens to read counts as a reader while it waits for a writer, and the other way
 * round. Leaves to others: what a pipe does (file/pipe.c). Owns the ends; the last one's leave empties the
 * place's slot.
 */
#include "kernel/fs/fifo.h"

#include <asm/errno.h>
#include <asm/fcntl.h>

#include "kernel/core/heap.h"
#include "kernel/file/pipe.h"

int fifo_join(struct opened *opened)
{
    const uint32_t flags = opened->file.flags;
    struct pipe **pipe = opened->place.fs->pipe(&opened->place);
    if (!file_may_read(&opened->file) && !file_may_write(&opened->file))
        return -EINVAL;
    if ((flags & O_ACCMODE) == O_WRONLY && flags & O_NONBLOCK && !(*pipe && pipe_has_readers(*pipe)))
        return -ENXIO;
    struct pipe_end *end = heap_take(sizeof *end);
    if (end && !*pipe)
        *pipe = pipe_alone();
    if (!end || !*pipe) {
        heap_give(end, sizeof *end);
        return -ENOMEM;
    }
    opened->content = end;
    pipe_join(*pipe, end, &opened->file);
    return 0;
}

void fifo_leave(struct opened *opened)
{
    struct pipe_end *end = opened->content;
    if (pipe_leave(end))
        *opened->place.fs->pipe(&opened->place) = NULL;
    heap_give(end, sizeof *end);
}

struct pipe_end *fifo_end(struct file *file)
{
    return ((struct opened *)(void *)file)->content;
}

int64_t fifo_wait(struct file *file)
{
    if (!file->operations->pipe || file->flags & O_NONBLOCK || (file->flags & O_ACCMODE) == O_RDWR)
        return 0;
    return pipe_wait(file->operations->pipe(file));
}
