/*
 * listen.h: where the node listens for a function, as its setting `listen` says:
 *   PORT             on 127.0.0.1
 *   ADDRESS:PORT     of IPv4; [ADDRESS]:PORT of IPv6
 * PORT 0 is any that is free. Pure, any thread.
 */
#ifndef MF_IMAGE_LISTEN_H
#define MF_IMAGE_LISTEN_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/limits.h"

/* MF_EINVAL: it is none of these. *address_bytes: of what stands in *address. */
MF_CHECKED mf_err listen_parse(const char *text, struct sockaddr_storage *address,
                               socklen_t *address_bytes);

#endif
