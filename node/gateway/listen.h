/* listen.h: listening sockets. Any thread. */
#ifndef MF_NODE_GATEWAY_LISTEN_H
#define MF_NODE_GATEWAY_LISTEN_H

#include <stdint.h>

#include "base/err.h"
#include "node/options.h"

/* A non-blocking, close-on-exec socket that listens; port: the one it got. The host is an
 * address, or "localhost" for 127.0.0.1. */
MF_CHECKED mf_err listen_tcp(const struct listen_address *address, int *fd, uint16_t *port,
                             struct mf_why *why);

/* The same on a path, mode 0600. A socket that a dead node left there is replaced. */
MF_CHECKED mf_err listen_unix(const char *path, int *fd, struct mf_why *why);

#endif
