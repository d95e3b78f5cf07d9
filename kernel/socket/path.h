/*
 * path.h: names of AF_UNIX that are paths (unix(7)): each is a file, which bind(2) makes and which stays until
 * somebody removes it; others find the socket by the file, whatever it is called by then.
 * linux/files/socket.c; tests have their own.
 */
#ifndef KERNEL_SOCKET_PATH_H
#define KERNEL_SOCKET_PATH_H

#include <stdbool.h>

#include "kernel/fs/place.h"
#include "kernel/socket/address.h"

static inline bool path_is(const struct address *address)
{
    return address->family == FAMILY_UNIX && address->bytes && address->data[0];
}

/* A new file of that name, borrowed. -EADDRINUSE, -ENOENT, -ENOTDIR, -EROFS, … */
int path_make(const struct address *address, struct place *file);
/* The file that has the name, borrowed. -ENOENT, …, and -ECONNREFUSED: it is no socket's. */
int path_find(const struct address *address, struct place *file);

#endif
