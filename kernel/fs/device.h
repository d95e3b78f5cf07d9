/* device.h: the files of /dev that are no folders and links. */
#ifndef KERNEL_FS_DEVICE_H
#define KERNEL_FS_DEVICE_H

#include <stdint.h>

#include "kernel/file/io.h"

enum device {
    DEVICE_NULL,
    DEVICE_ZERO,
    DEVICE_FULL,
    DEVICE_RANDOM,
    DEVICE_URANDOM,
    DEVICE_TTY, /* there is none: ENXIO */
};

uint64_t device_number(enum device device); /* st_rdev, as Linux has it */
int device_open(enum device device);
int64_t device_read(enum device device, struct io *io);
int64_t device_write(enum device device, struct io *io);

#endif
