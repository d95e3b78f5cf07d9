/*
 * http_server.c: bare libmicrohttpd that answers "ok" to everything, the yardstick
 * of `warm` and `throughput`: http_server PORT THREADS. Each thread has a listener of its
 * own (SO_REUSEPORT) and libmicrohttpd's epoll descriptor in a libuv loop.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "bench/load.h"

#define CONNECTIONS_MAX 8192u
#define ROUNDS_A_WAKE 64

struct server {
    uint16_t port;
    pthread_t thread;
    struct MHD_Daemon *daemon;
    struct MHD_Response *ok;
    uv_loop_t loop;
    uv_poll_t poll;
    uv_timer_t again;
};

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *bytes, void **state)
{
    (void)url, (void)method, (void)version, (void)data;
    struct server *server = context;
    static int seen;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    *bytes = 0;
    return MHD_queue_response(connection, 200, server->ok);
}

static void run(struct server *server);

static void on_timer(uv_timer_t *timer) { run(timer->data); }

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    run(poll->data);
}

/* Let libmicrohttpd work until it has nothing left, or others should have a turn. */
static void run(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 1;
    for (int i = 0; i < ROUNDS_A_WAKE; i++) {
        MHD_run(server->daemon);
        if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES || wait_ms > 0)
            return;
    }
    uv_timer_start(&server->again, on_timer, 0, 0);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
        perror("http_server: listen");
        exit(1);
    }
    return fd;
}

static void *server_main(void *argument)
{
    struct server *server = argument;
    server->ok = MHD_create_response_from_buffer(2, (void *)(uintptr_t)"ok", MHD_RESPMEM_PERSISTENT);
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL, server->port, NULL, NULL, answer, server,
                                     MHD_OPTION_LISTEN_SOCKET, listen_on(server->port),
                                     MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_END);
    if (!server->ok || !server->daemon || uv_loop_init(&server->loop) != 0)
        exit(1);
    int epoll = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    server->poll.data = server;
    server->again.data = server;
    if (uv_poll_init(&server->loop, &server->poll, epoll) != 0 ||
        uv_timer_init(&server->loop, &server->again) != 0 ||
        uv_poll_start(&server->poll, UV_READABLE, on_ready) != 0)
        exit(1);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    return NULL;
}

int main(int argc, char **argv)
{
    long port = argc >= 3 ? strtol(argv[1], NULL, 10) : 0;
    long threads = argc >= 3 ? strtol(argv[2], NULL, 10) : 0;
    if (port < 1 || port > 65535 || threads < 1 || threads > (long)LOAD_THREADS_MAX || argc > 3) {
        fprintf(stderr, "usage: http_server PORT THREADS\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    static struct server server[LOAD_THREADS_MAX];
    for (long i = 0; i < threads; i++) {
        server[i] = (struct server){.port = (uint16_t)port};
        if (pthread_create(&server[i].thread, NULL, server_main, &server[i]) != 0)
            return 1;
    }
    for (;;)
        pause();
}
