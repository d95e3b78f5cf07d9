/*
 * place.h: the ports of this machine that functions listen on (setting `listen`). A version that wants one has
 * it before it comes into force, so that a deployment that cannot have it changes nothing; at the
 * node's start, and where the port is still another version's, it is asked for when it is needed.
 * Loop thread only.
 */
#ifndef MF_NODE_STREAMS_PLACE_H
#define MF_NODE_STREAMS_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct function;
struct node;
struct version;

/* A socket that listens there and does not block; *fd is the caller's. text: as listen_parse() takes it.
 * MF_EEXIST: the port is taken, another error: it may not be had; why names it and who can do what. */
MF_CHECKED mf_err place_open(struct node *node, const char *name, const char *text, int *fd,
                            struct mf_why *why);

/* Does this function give up where it listens, when the version comes into force? */
typedef bool place_leaves(const struct function *function, const void *context);

/* Into version->port_fd, what the function `name` is to listen on: not where it does so already, nor
 * what it, or one that leaves (may be NULL: none does) has yet. MF_EEXIST and others as above. */
MF_CHECKED mf_err place_reserve(struct node *node, const char *name, struct version *version,
                               place_leaves *leaves, const void *context, struct mf_why *why);

#endif
