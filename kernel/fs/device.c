/* device.c: see device.h, null(4), full(4), random(4). Owns nothing. */
#include "kernel/fs/device.h"

#include <asm/errno.h>

#include "kernel/core/random.h"

#define RANDOM_PART_BYTES 64u

/* Major and minor numbers, Linux's admin-guide/devices.txt. */
static const struct {
    uint8_t major, minor;
} number[] = {
    [DEVICE_NULL] = {1, 3},   [DEVICE_ZERO] = {1, 5},    [DEVICE_FULL] = {1, 7},
    [DEVICE_RANDOM] = {1, 8}, [DEVICE_URANDOM] = {1, 9}, [DEVICE_TTY] = {5, 0},
};

uint64_t device_number(enum device device)
{
    return (uint64_t)number[device].major << 8 | number[device].minor;
}

int device_open(enum device device)
{
    return device == DEVICE_TTY ? -ENXIO : 0;
}

static int64_t read_random(struct io *io)
{
    uint8_t part[RANDOM_PART_BYTES];
    int64_t done = 0;
    while (io->bytes) {
        size_t bytes = io->bytes < sizeof part ? (size_t)io->bytes : sizeof part;
        random_fill(part, bytes);
        if (io_put(io, part, bytes) != 0)
            return done ? done : -EFAULT;
        done += (int64_t)bytes;
    }
    return done;
}

int64_t device_read(enum device device, struct io *io)
{
    uint64_t bytes = io->bytes;
    switch (device) {
    case DEVICE_NULL:
        return 0;
    case DEVICE_ZERO:
    case DEVICE_FULL:
        return io_zero(io, bytes) ? -EFAULT : (int64_t)bytes;
    case DEVICE_RANDOM:
    case DEVICE_URANDOM:
        return read_random(io);
    case DEVICE_TTY:
        break;
    }
    return -EIO;
}

int64_t device_write(enum device device, struct io *io)
{
    uint64_t bytes = io->bytes;
    if (device == DEVICE_FULL)
        return -ENOSPC;
    return io_skip(io, bytes) ? -EFAULT : (int64_t)bytes;
}
