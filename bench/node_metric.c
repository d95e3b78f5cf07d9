/* node_metric.c: GET /metrics over a Unix socket, and one line of it (node_metric.h). */
#include "bench/node_metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

#define READ_BYTES 65536u
#define METRICS_BYTES_MAX (64u << 20)

static mf_err ask(int fd, struct mf_buf *text)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
    if (write(fd, request, sizeof request - 1) != (ssize_t)sizeof request - 1)
        return MF_EIO;
    for (;;) {
        char part[READ_BYTES];
        ssize_t got = read(fd, part, sizeof part);
        if (got < 0 || text->bytes > METRICS_BYTES_MAX)
            return MF_EIO;
        mf_err err = mf_buf_add(text, part, (size_t)got);
        if (err || got == 0)
            return err;
    }
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

mf_err node_metric(const char *socket_path, const char *series, double *value, struct mf_why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct mf_buf text = {0};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mf_err err = MF_EIO;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        err = ask(fd, &text);
    if (fd >= 0)
        close(fd);
    if (!err)
        err = mf_buf_add(&text, "", 1);
    if (!err)
        err = find((const char *)text.data, series, value);
    else
        err = mf_why(why, err, "%s: the node does not tell its metrics", socket_path);
    mf_buf_close(&text);
    return err;
}
