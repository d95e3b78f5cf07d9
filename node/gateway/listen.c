/* listen.c: see listen.h. */
#include "node/gateway/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

static mf_err fail(int fd, int error, struct mf_why *why, const char *what, const char *where)
{
    if (fd >= 0)
        (void)close(fd);
    return mf_why(why, mf_err_from_errno(error), "%s %s: %s", what, where, strerror(error));
}

mf_err listen_tcp(const struct listen_address *address, int *fd, uint16_t *port,
                  struct mf_why *why)
{
    const char *host = strcmp(address->host, "localhost") == 0 ? "127.0.0.1" : address->host;
    union address to = {0};
    socklen_t bytes = sizeof to.v4;
    if (inet_pton(AF_INET, host, &to.v4.sin_addr) == 1) {
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons(address->port);
    } else if (inet_pton(AF_INET6, host, &to.v6.sin6_addr) == 1) {
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(address->port);
        bytes = sizeof to.v6;
    } else {
        return mf_why(why, MF_EINVAL, "%s is no address to listen on; give an IPv4 or IPv6 address",
                      host);
    }
    int sock = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (sock < 0)
        return fail(-1, errno, why, "no socket for", host);
    (void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(sock, &to.any, bytes) != 0) {
        if (errno != EADDRINUSE)
            return fail(sock, errno, why, "cannot listen on", host);
        (void)close(sock);
        return mf_why(why, MF_EEXIST,
                      "port %u of %s is taken by another program; give a free one with --listen",
                      (unsigned)address->port, host);
    }
    if (listen(sock, BACKLOG) != 0)
        return fail(sock, errno, why, "cannot listen on", host);
    union address bound = {0};
    bytes = sizeof bound;
    if (getsockname(sock, &bound.any, &bytes) != 0)
        return fail(sock, errno, why, "cannot tell the port of", host);
    *port = ntohs(bound.any.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port);
    *fd = sock;
    return MF_OK;
}

mf_err listen_unix(const char *path, int *fd, struct mf_why *why)
{
    union address to = {.path = {.sun_family = AF_UNIX}};
    if (strlen(path) >= sizeof to.path.sun_path)
        return mf_why(why, MF_ETOOBIG,
                      "%s is too long for a socket (%zu bytes at most); choose a shorter --state",
                      path, sizeof to.path.sun_path - 1);
    memcpy(to.path.sun_path, path, strlen(path));
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return fail(-1, errno, why, "no socket for", path);
    (void)unlink(path); /* the state directory's lock is ours: whoever made it is gone */
    mode_t mask = umask(0177);
    int bound = bind(sock, &to.any, sizeof to.path);
    int error = errno;
    (void)umask(mask);
    if (bound != 0)
        return fail(sock, error, why, "cannot listen on", path);
    if (listen(sock, BACKLOG) != 0)
        return fail(sock, errno, why, "cannot listen on", path);
    *fd = sock;
    return MF_OK;
}
