/*
 * http_server.c: libmicrohttpd by external polling, and the clients' time limits.
 * Guarantees: no timer while there is no connection; a client past its bound is
 * disconnected; a suspended request learns within MF_CLIENT_WATCH_MS, or at once
 * after that, that its client is gone.
 * Leaves to others: what is served. Owns clients and the listening socket.
 */
#include "node/gateway/http_server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "node/gateway/tls.h"

/* How long a client may stay in a phase, and what is next; back to HEAD means the end. */
static const struct {
    uint64_t ms; /* 0: for ever */
    enum client_phase next;
} bound[CLIENT_PHASES] = {
    [CLIENT_HEAD] = {MF_REQUEST_HEAD_MS_MAX, CLIENT_HEAD},
    [CLIENT_BODY] = {MF_CLIENT_WATCH_MS, CLIENT_BODY_WATCHED},
    [CLIENT_BODY_WATCHED] = {MF_REQUEST_BODY_MS_MAX, CLIENT_HEAD},
    [CLIENT_WAIT] = {MF_CLIENT_WATCH_MS, CLIENT_WAIT_WATCHED},
    [CLIENT_WAIT_WATCHED] = {0, CLIENT_HEAD},
    [CLIENT_SEND] = {MF_REPLY_MS_MAX, CLIENT_HEAD},
};

/* A request that has begun but whose fields are not complete. */
static char fields_incomplete;

static void readable(uv_poll_t *poll, int status, int events);
static void slow_timer(struct timer *timer, uint64_t now_ns);
static void listen_for_hang_up(struct client *client);
static void hung_up(struct watch *watch, uint32_t events);
static void enter(struct client *client, enum client_phase phase);
static void connection_event(void *cls, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode code);
static void *request_line(void *cls, const char *uri, struct MHD_Connection *connection);
static enum MHD_Result access_handler(void *cls, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *data, size_t *bytes, void **context);
static void completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code);
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text);

mf_err http_server_open(struct http_server *server, struct loop *loop, int listen_fd,
                        enum http_security security, uint32_t connections_max,
                        const struct http_handlers *handlers, void *owner, struct mf_why *why)
{
    *server = (struct http_server){
        .loop = loop,
        .handlers = *handlers,
        .owner = owner,
        .listen_fd = listen_fd,
        .slow = {.fire = slow_timer},
    };
    for (int i = 0; i < CLIENT_PHASES; i++)
        link_init(&server->phase[i]);
    bool listens = listen_fd != HTTP_SERVER_NO_LISTENER;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    if (!listens)
        flags |= MHD_USE_NO_LISTEN_SOCKET;
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)tls_identity},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    if (security == HTTP_TLS)
        flags |= MHD_USE_TLS;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, access_handler, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)connections_max,
        MHD_OPTION_NOTIFY_CONNECTION, connection_event, server, MHD_OPTION_URI_LOG_CALLBACK,
        request_line, server, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, security == HTTP_TLS ? tls : &tls[2],
        listens ? MHD_OPTION_LISTEN_SOCKET : MHD_OPTION_END, listen_fd, MHD_OPTION_END);
    if (!server->daemon)
        return mf_why(why, MF_EIO, "libmicrohttpd would not start on the listening socket");
    server->ready_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (uv_poll_init(&loop->uv, &server->poll, server->ready_fd) != 0)
        return mf_why(why, MF_EIO, "libuv cannot poll libmicrohttpd's descriptor");
    server->poll.data = server;
    server->poll_open = true;
    (void)uv_poll_start(&server->poll, UV_READABLE, readable);
    server->ready = true;
    return MF_OK;
}

void http_server_quiet(struct http_server *server)
{
    if (server->quiet || !server->daemon)
        return;
    server->quiet = true;
    if (server->listen_fd < 0)
        return;
    (void)MHD_quiesce_daemon(server->daemon);
    (void)close(server->listen_fd);
    server->listen_fd = -1;
}

void http_server_adopt(struct http_server *server, int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    (void)getpeername(fd, (struct sockaddr *)&peer, &bytes); /* of one that is gone already: none */
    (void)MHD_add_connection(server->daemon, fd, (struct sockaddr *)&peer, bytes);
    server->ready = true;
}

static void drop_all(struct link *list)
{
    while (!list_empty(list))
        client_drop(list_of(list->next, struct client, link));
}

void http_server_close(struct http_server *server)
{
    if (server->poll_open)
        uv_close((uv_handle_t *)&server->poll, NULL);
    server->poll_open = false;
    if (server->daemon) {
        http_server_quiet(server);
        drop_all(&server->phase[CLIENT_WAIT]); /* libmicrohttpd insists */
        drop_all(&server->phase[CLIENT_WAIT_WATCHED]);
        (void)MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon);
        timer_stop(&server->loop->timers, &server->slow);
    }
    server->daemon = NULL;
}

bool http_server_busy(const struct http_server *server)
{
    return server->daemon && (server->waiting > 0 || !list_empty(&server->phase[CLIENT_SEND]));
}

bool http_server_run(struct http_server *server)
{
    if (!server->daemon || !server->ready)
        return false;
    server->ready = server->closed = false;
    (void)MHD_run(server->daemon);
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0)
        server->ready = true;
    /* At its connection limit libmicrohttpd takes the listening socket out of its epoll
     * set, and puts it back only in the run after the one that closed a connection, which
     * it does not ask for: whoever waits to be accepted would wait for ever. */
    if (server->closed)
        server->ready = true;
    return server->ready;
}

void http_server_sleep(struct http_server *server)
{
    uint64_t at_ns = TIMER_NEVER;
    for (int i = 0; i < CLIENT_PHASES && server->daemon; i++) {
        if (list_empty(&server->phase[i]))
            continue;
        uint64_t until_ns = list_of(server->phase[i].next, struct client, link)->until_ns;
        if (until_ns < at_ns)
            at_ns = until_ns;
    }
    if (server->daemon)
        timer_set(&server->loop->timers, &server->slow, at_ns);
}

void client_suspend(struct client *client)
{
    enter(client, CLIENT_WAIT);
    client->server->waiting++;
    MHD_suspend_connection(client->connection);
}

void client_pause(struct client *client)
{
    client_suspend(client);
}

static bool waits(const struct client *client)
{
    return client->phase == CLIENT_WAIT || client->phase == CLIENT_WAIT_WATCHED;
}

void client_resume(struct client *client)
{
    if (!waits(client))
        return;
    enter(client, CLIENT_SEND);
    client->server->waiting--;
    client->server->ready = true;
    MHD_resume_connection(client->connection);
}

void client_answer(struct client *client, uint32_t status, struct MHD_Response *response)
{
    if (MHD_queue_response(client->connection, status, response) != MHD_YES)
        (void)shutdown(client->fd, SHUT_RDWR); /* it cannot be answered: let it know */
    if (waits(client))
        client_resume(client);
    else
        enter(client, CLIENT_SEND);
}

void client_drop(struct client *client)
{
    (void)shutdown(client->fd, SHUT_RDWR);
    client_resume(client);
}

void client_expect_body(struct client *client)
{
    enter(client, CLIENT_BODY);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct http_server *server = poll->data;
    server->ready = true;
}

static void slow_timer(struct timer *timer, uint64_t now_ns)
{
    struct http_server *server = list_of(timer, struct http_server, slow);
    for (int i = 0; i < CLIENT_PHASES; i++) {
        while (!list_empty(&server->phase[i])) {
            struct client *client = list_of(server->phase[i].next, struct client, link);
            if (client->until_ns > now_ns)
                break;
            if (bound[i].next == CLIENT_HEAD) {
                list_remove(&client->link);
                (void)shutdown(client->fd, SHUT_RDWR); /* libmicrohttpd sees it and cleans up */
            } else {
                enter(client, bound[i].next);
                listen_for_hang_up(client);
            }
        }
    }
}

static void listen_for_hang_up(struct client *client)
{
    /* Without a watch, no memory for one that is, the client's bound still holds. */
    if (watch_add(&client->server->loop->watcher, &client->watch, client->fd,
                  EPOLLRDHUP | EPOLLONESHOT, hung_up))
        client->watch.fd = -1;
}

static void hung_up(struct watch *watch, uint32_t events)
{
    (void)events;
    struct client *client = list_of(watch, struct client, watch);
    int unread = 0;
    if (waits(client))
        client->server->handlers.gone(client);
    else if (ioctl(client->fd, FIONREAD, &unread) == 0 && unread > 0)
        enter(client, CLIENT_BODY); /* it has said all, we have not read all: look again */
    else
        (void)shutdown(client->fd, SHUT_RDWR);
}

static void enter(struct client *client, enum client_phase phase)
{
    struct http_server *server = client->server;
    watch_remove(&server->loop->watcher, &client->watch);
    client->phase = phase;
    client->until_ns =
        bound[phase].ms ? server->loop->now_ns + bound[phase].ms * MF_NS_PER_MS : TIMER_NEVER;
    list_append(&server->phase[phase], &client->link);
}

static void connection_event(void *cls, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = cls;
    struct client *client = *socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = client = calloc(1, sizeof *client);
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (!client) {
            (void)shutdown(info->connect_fd, SHUT_RDWR);
            return;
        }
        client->server = server;
        client->connection = connection;
        client->fd = info->connect_fd;
        client->watch.fd = -1;
        link_init(&client->link);
        server->clients++;
        enter(client, CLIENT_HEAD);
    } else if (client) {
        watch_remove(&server->loop->watcher, &client->watch);
        list_remove(&client->link);
        server->clients--;
        server->closed = true;
        free(client);
        *socket_context = NULL;
        if (server->handlers.left)
            server->handlers.left(server);
    }
}

static void *request_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *server = cls;
    struct client *client =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (client)
        server->handlers.begin(client, uri);
    return client ? &fields_incomplete : NULL;
}

static enum MHD_Result access_handler(void *cls, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *data, size_t *bytes, void **context)
{
    (void)cls;
    (void)url;
    (void)version;
    bool first = *context == &fields_incomplete;
    struct client *client = *context;
    if (first)
        *context = client =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (!client || !client->request)
        return MHD_NO;
    return client->server->handlers.request(client, first, method, data, bytes);
}

static void completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code)
{
    struct http_server *server = cls;
    (void)code;
    struct client *client =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    *context = NULL;
    if (!client)
        return;
    if (client->request)
        server->handlers.end(client);
    client->request = NULL;
    enter(client, CLIENT_HEAD);
}

static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text); /* functions get the target as it was sent */
}
