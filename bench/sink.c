/* sink.c: a small HTTP server that takes what is posted (sink.h). */
#include "bench/sink.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/child.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

/* Bytes of the request at the start of text, 0: not whole yet. */
static size_t whole_request(const char *text, size_t bytes)
{
    const char *end = memmem(text, bytes, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - text) + 4, body = 0;
    for (const char *line = text; line < end; line = (const char *)memchr(line, '\n', bytes) + 1) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
        if (!memchr(line, '\n', (size_t)(end - line)))
            break;
    }
    return body <= bytes - head ? head + body : 0;
}

/* False: the peer is gone, or sends more than we take. */
static bool serve(struct sink *sink, int fd, struct sink_connection *connection)
{
    ssize_t got = read(fd, connection->text + connection->bytes, SINK_REQUEST_BYTES - connection->bytes);
    if (got <= 0)
        return false;
    connection->bytes += (size_t)got;
    size_t request;
    while ((request = whole_request(connection->text, connection->bytes)) > 0) {
        atomic_store(&sink->taken_ns, mf_monotonic_ns());
        atomic_fetch_add(&sink->taken, 1);
        connection->bytes -= request;
        memmove(connection->text, connection->text + request, connection->bytes);
        if (write(fd, answer, sizeof answer - 1) != (ssize_t)sizeof answer - 1)
            return false;
    }
    return connection->bytes < SINK_REQUEST_BYTES;
}

static void *run(void *context)
{
    struct sink *sink = context;
    struct pollfd poll_fd[SINK_CONNECTIONS_MAX + 2] = {{.fd = sink->stop[0], .events = POLLIN},
                                                       {.fd = sink->listener, .events = POLLIN}};
    struct pollfd *peer = poll_fd + 2;
    for (size_t i = 0; i < SINK_CONNECTIONS_MAX; i++)
        peer[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    while (poll(poll_fd, SINK_CONNECTIONS_MAX + 2, -1) >= 0 && !poll_fd[0].revents) {
        for (size_t i = 0; i < SINK_CONNECTIONS_MAX; i++) {
            if (peer[i].fd >= 0 && peer[i].revents && !serve(sink, peer[i].fd, &sink->connection[i])) {
                close(peer[i].fd);
                peer[i].fd = -1;
            }
        }
        int fd = poll_fd[1].revents ? accept(sink->listener, NULL, NULL) : -1;
        for (size_t i = 0; i < SINK_CONNECTIONS_MAX && fd >= 0; i++) {
            if (peer[i].fd < 0) {
                peer[i].fd = fd;
                sink->connection[i].bytes = 0;
                fd = -1;
            }
        }
        if (fd >= 0)
            close(fd);
    }
    for (size_t i = 0; i < SINK_CONNECTIONS_MAX; i++)
        if (peer[i].fd >= 0)
            close(peer[i].fd);
    return NULL;
}

mf_err sink_open(struct sink *sink, struct mf_why *why)
{
    *sink = (struct sink){.listener = -1, .stop = {-1, -1}};
    mf_err err = listen_anywhere(&sink->listener, &sink->port);
    if (!err && pipe(sink->stop) != 0)
        err = MF_EIO;
    if (!err && pthread_create(&sink->thread, NULL, run, sink) != 0)
        err = MF_ENOMEM;
    sink->runs = !err;
    return err ? mf_why(why, err, "the webhook cannot listen") : MF_OK;
}

void sink_close(struct sink *sink)
{
    if (sink->runs) {
        close(sink->stop[1]);
        pthread_join(sink->thread, NULL);
        sink->stop[1] = -1;
    }
    sink->runs = false;
    const int fds[] = {sink->stop[0], sink->stop[1], sink->listener};
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    *sink = (struct sink){.listener = -1, .stop = {-1, -1}};
}
