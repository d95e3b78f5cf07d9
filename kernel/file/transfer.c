/*
 * transfer.c: read and write with all the waiting that Linux does: file_read and file_write
 * of file.h.
 * Guarantees: a read ends with the first bytes; a write of a stream that blocks, when all is
 * written, or a signal is due. Owns how far a write came, in the call's state.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <stddef.h>

#include "kernel/file/file.h"

struct progress {
    uint64_t done;
};

/* Where the transfer is: the call's own place, the file's, or nowhere for a stream. */
static int position_of(struct file *file, uint64_t **at)
{
    if (!file->operations->positioned)
        return *at ? -ESPIPE : 0;
    if (!*at)
        *at = &file->position;
    return 0;
}

int64_t file_read(struct file *file, struct io *io, uint64_t *at)
{
    if (!file_may_read(file) || !file->operations->read)
        return -EBADF;
    int error = position_of(file, &at);
    if (error || io->bytes == 0)
        return error;
    int64_t result = file->operations->read(file, io, at);
    return result == -EAGAIN ? file_wait(file, WAIT_FOR_EVER) : result;
}

/* Until there is no more to do, or no more to be done now: what write() said last. */
static int64_t write_on(struct file *file, struct io *io, uint64_t *at, uint64_t *done)
{
    for (;;) {
        int64_t result = file->operations->write(file, io, at);
        if (result <= 0)
            return result;
        *done += (uint64_t)result;
        if (io->bytes == 0 || file->operations->positioned)
            return result;
    }
}

int64_t file_write(struct file *file, struct io *io, uint64_t *at)
{
    if (!file_may_write(file) || !file->operations->write)
        return -EBADF;
    int error = position_of(file, &at);
    if (error || io->bytes == 0)
        return error;
    if (file->operations->positioned)
        return file->operations->write(file, io, at);
    struct progress *progress = call_state(sizeof *progress, NULL);
    error = io_skip(io, progress->done);
    if (error)
        return error;
    int64_t result = write_on(file, io, at, &progress->done);
    if (result == -EPIPE)
        file_broken();
    if (result == -EAGAIN)
        result = file_wait(file, WAIT_FOR_EVER);
    return result != WAIT && progress->done ? (int64_t)progress->done : result;
}
