/* node_api.c: GET over a Unix socket, one connection for each (node_api.h). */
#include "bench/node_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_BYTES 65536u
#define ANSWER_BYTES_MAX (64u << 20)
#define TARGET_BYTES 256

static int connect_to_api(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static mf_err ask(int fd, const char *target, struct mf_buf *answer)
{
    char request[TARGET_BYTES + 64];
    int bytes = snprintf(request, sizeof request,
                         "GET %s HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n", target);
    if (bytes >= (int)sizeof request || write(fd, request, (size_t)bytes) != bytes)
        return MF_EIO;
    for (;;) {
        char part[READ_BYTES];
        ssize_t got = read(fd, part, sizeof part);
        if (got < 0 || answer->bytes > ANSWER_BYTES_MAX)
            return MF_EIO;
        mf_err err = mf_buf_add(answer, part, (size_t)got);
        if (err || got == 0)
            return err;
    }
}

/* The answer without its head, which says how it went. Chunks' sizes stay in the text. */
static mf_err without_head(struct mf_buf *answer)
{
    const char *text = (const char *)answer->data;
    const char *end = text ? strstr(text, "\r\n\r\n") : NULL;
    if (!end)
        return MF_EIO;
    mf_err err = strncmp(text, "HTTP/1.1 404", 12) == 0   ? MF_ENOENT
                 : strncmp(text, "HTTP/1.1 200", 12) == 0 ? MF_OK
                                                          : MF_EIO;
    mf_buf_drop(answer, (size_t)(end - text) + 4);
    return err;
}

mf_err node_api_get(const char *socket_path, const char *target, struct mf_buf *body,
                    struct mf_why *why)
{
    int fd = connect_to_api(socket_path);
    mf_err err = fd < 0 ? MF_EIO : ask(fd, target, body);
    if (fd >= 0)
        close(fd);
    if (!err)
        err = without_head(body);
    return err == MF_EIO ? mf_why(why, err, "%s: the node does not answer GET %s", socket_path, target)
                         : err;
}

static mf_err find(const char *text, const char *series, double *value)
{
    size_t bytes = strlen(series);
    for (const char *at = text; (at = strstr(at, series)) != NULL; at += bytes) {
        if ((at == text || at[-1] == '\n') && at[bytes] == ' ') {
            *value = strtod(at + bytes, NULL);
            return MF_OK;
        }
    }
    return MF_ENOENT;
}

mf_err node_api_metric(const char *socket_path, const char *series, double *value,
                       struct mf_why *why)
{
    struct mf_buf body = {0};
    mf_err err = node_api_get(socket_path, "/metrics", &body, why);
    if (!err)
        err = find((const char *)body.data, series, value);
    mf_buf_close(&body);
    return err;
}
