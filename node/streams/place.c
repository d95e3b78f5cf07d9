/*
 * place.c: see place.h.
 * Leaves to others: connections (listen.c), what a place is called (image/listen.h).
 */
#include "node/streams/place.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/listen.h"
#include "node/egress/address.h"
#include "node/functions/function.h"
#include "node/node.h"
#include "node/streams/listen.h"

#define BACKLOG 4096
#define DO_WHAT "give %s another one, with --listen or `listen` in its mayfly.yml"

static int listening_socket(const struct sockaddr_storage *address, socklen_t bytes)
{
    static const int on = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, bytes) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

struct search {
    const char *name; /* who asks          */
    uint16_t port;
    const struct function *found;
};

static void look_at(struct function *function, void *context)
{
    struct search *search = context;
    if (strcmp(function->name, search->name) != 0 && listen_port(function) == search->port)
        search->found = function;
}

/* Another function of this node that listens on the port, wherever; NULL: none. */
static const struct function *other_at(struct node *node, const char *name, uint16_t port)
{
    struct search search = {.name = name, .port = port};
    registry_each(&node->registry, look_at, &search);
    return search.found;
}

static mf_err taken(struct node *node, const char *name, const char *where, uint16_t port,
                    struct mf_why *why)
{
    const struct function *other = other_at(node, name, port);
    if (other)
        return mf_why(why, MF_EEXIST, "%s is where function %s listens; " DO_WHAT, where, other->name, name);
    return mf_why(why, MF_EEXIST, "%s is taken by another program; end that (`ss -tlnp sport = :%u` tells "
                  "which it is), or " DO_WHAT, where, (unsigned)port, name);
}

static mf_err refused(const char *name, const char *where, int error, struct mf_why *why)
{
    if (error == EACCES || error == EPERM)
        return mf_why(why, MF_EINVAL, "%s needs a right that the node's user has not; " DO_WHAT
                      ": above 1023 none is needed", where, name);
    if (error == EADDRNOTAVAIL)
        return mf_why(why, MF_EINVAL, "%s is no place of this machine; " DO_WHAT, where, name);
    return mf_why(why, mf_err_from_errno(error), "%s cannot be listened on: %s", where, strerror(error));
}

mf_err place_open(struct node *node, const char *name, const char *text, int *fd, struct mf_why *why)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    char where[ADDRESS_TEXT_BYTES];
    *fd = -1;
    if (listen_parse(text, &address, &bytes)) /* it was checked when it was set */
        return mf_why(why, MF_EINVAL, "%s is no place to listen", text);
    *fd = listening_socket(&address, bytes);
    if (*fd >= 0)
        return MF_OK;
    int error = errno;
    (void)address_text((const struct sockaddr *)&address, bytes, where);
    if (error == EADDRINUSE)
        return taken(node, name, where, address_port((const struct sockaddr *)&address, bytes), why);
    return refused(name, where, error, why);
}

mf_err place_reserve(struct node *node, const char *name, struct version *version, place_leaves *leaves,
                    const void *context, struct mf_why *why)
{
    const struct function *function = registry_find(&node->registry, name);
    const char *text = version->settings.listen;
    struct sockaddr_storage address;
    struct mf_why inner = {{0}};
    socklen_t bytes;
    if (!*text || version->port_fd >= 0 || (function && listen_at(function, text)))
        return MF_OK;
    mf_err err = place_open(node, name, text, &version->port_fd, &inner);
    if (err != MF_EEXIST || listen_parse(text, &address, &bytes))
        return err ? mf_why(why, err, "listen: %s", inner.text) : MF_OK;
    uint16_t port = address_port((const struct sockaddr *)&address, bytes);
    const struct function *other = other_at(node, name, port);
    if ((function && listen_port(function) == port) || (other && leaves && leaves(other, context)))
        return MF_OK;
    return mf_why(why, err, "listen: %s", inner.text);
}
