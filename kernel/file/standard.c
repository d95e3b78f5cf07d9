/*
 * standard.c: the descriptors that a program starts with: standard input is at its end, the
 * other two become log records, a line each (event/output.h).
 * Owns the three files.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/core/assert.h"
#include "kernel/core/limits.h"
#include "kernel/event/output.h"
#include "kernel/file/descriptor.h"

enum { STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR, STANDARD_FILES };

static struct file standard[STANDARD_FILES];

static int64_t input_read(struct file *file, struct io *io, uint64_t *position)
{
    (void)file, (void)io, (void)position;
    return 0;
}

static uint32_t input_ready(struct file *file)
{
    (void)file;
    return POLLIN | POLLRDNORM | POLLHUP;
}

static int64_t put_out(struct file *file, struct io *io, uint64_t *position)
{
    char part[COPY_BYTES];
    int64_t done = 0;
    (void)position;
    while (io->bytes) {
        size_t bytes = io->bytes < sizeof part ? (size_t)io->bytes : sizeof part;
        if (io_get(io, part, bytes) != 0)
            return done ? done : -EFAULT;
        output_put(file == &standard[STANDARD_OUTPUT] ? OUTPUT_STDOUT : OUTPUT_STDERR, part,
                   bytes);
        done += (int64_t)bytes;
    }
    return done;
}

static uint32_t output_ready(struct file *file)
{
    (void)file;
    return POLLOUT | POLLWRNORM;
}

static void stays(struct file *file)
{
    (void)file;
}

static const struct file_operations input = {
    .name = "pipe",
    .read = input_read,
    .ready = input_ready,
    .close = stays,
};
static const struct file_operations output = {
    .name = "pipe",
    .write = put_out,
    .ready = output_ready,
    .close = stays,
};

void descriptor_start(void)
{
    for (uint32_t fd = 0; fd < STANDARD_FILES; fd++) {
        bool reads = fd == STANDARD_INPUT;
        file_init(&standard[fd], reads ? &input : &output, reads ? O_RDONLY : O_WRONLY);
        int64_t added = descriptor_add(&standard[fd], false, fd);
        mf_assert(added == fd);
    }
}
