/*
 * test_node_http_server.c: how long a client may take, with real sockets and the clock
 * in the test's hand.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "node/gateway/answer.h"
#include "node/gateway/listen.h"
#include "node/gateway/http_server.h"
#include "node/loop/loop.h"

#define RUNS_MAX 1000
#define PATIENCE_MS 20000 /* what the loopback carries comes after the call that sent it, on a busy machine */
#define REPLY_BYTES (16u << 20) /* more than sockets buffer: a sender's grows to some 4 MiB */
#define CLIENT_BUFFER_BYTES (64 << 10) /* said, lest it grow as far as the system lets it */

static struct loop *loop;
static struct http_server server;
static uint16_t port;
static bool suspend;  /* answer later, or never */
static bool large;
static unsigned begun, ended, left;
static struct client *waiting;

/* ---- what is served ---- */

static void begin(struct client *client, const char *target)
{
    (void)target;
    begun++;
    client->request = &begun;
}

static enum MHD_Result handle(struct client *client, bool first, const char *method,
                              const char *data, size_t *bytes)
{
    static char reply[REPLY_BYTES];
    (void)data;
    if (first) {
        if (strcmp(method, "POST") == 0)
            client_expect_body(client);
        return MHD_YES;
    }
    if (*bytes) {
        *bytes = 0;
        return MHD_YES;
    }
    if (left)
        return MHD_NO;
    if (suspend) {
        waiting = client;
        client_suspend(client);
        return MHD_YES;
    }
    struct MHD_Response *response = answer_text("text/plain", reply, large ? sizeof reply : 2);
    client_answer(client, 200, response);
    MHD_destroy_response(response);
    return MHD_YES;
}

static void gone(struct client *client)
{
    left++;
    client_drop(client);
}

static void end(struct client *client)
{
    (void)client;
    ended++;
}

static const struct http_handlers handlers = {
    .begin = begin, .request = handle, .gone = gone, .end = end};

/* ---- the world ---- */

static int open_server(void **state)
{
    (void)state;
    const struct listen_address address = {"127.0.0.1", 0};
    struct mf_why why;
    int fd;
    loop = calloc(1, sizeof *loop);
    assert_non_null(loop);
    loop->now_ns = 1000 * MF_NS_PER_S;
    assert_int_equal(uv_loop_init(&loop->uv), 0);
    assert_int_equal(watcher_open(&loop->watcher), MF_OK);
    assert_int_equal(listen_tcp(&address, &fd, &port, &why), MF_OK);
    assert_int_equal(http_server_open(&server, loop, fd, HTTP_PLAIN, 16, &handlers, NULL, &why), MF_OK);
    suspend = large = false;
    begun = ended = left = 0;
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    left++; /* whoever still waits gets nothing */
    http_server_close(&server);
    assert_int_equal(begun, ended);
    assert_int_equal(server.clients, 0);
    assert_true(timers_next(&loop->timers) == TIMER_NEVER);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop->uv), 0);
    watcher_close(&loop->watcher);
    free(loop);
    return 0;
}

/* Let everything that is on the way arrive. */
static void work(void)
{
    for (int i = 0; i < RUNS_MAX; i++) {
        struct pollfd ready[2] = {{server.ready_fd, POLLIN, 0}, {loop->watcher.fd, POLLIN, 0}};
        int count = poll(ready, 2, server.ready ? 0 : 20);
        if (count == 0 && !server.ready)
            break;
        if (ready[1].revents)
            watcher_run(&loop->watcher);
        server.ready = true;
        (void)http_server_run(&server);
    }
    http_server_sleep(&server);
}

static void advance(uint64_t ms)
{
    loop->now_ns += ms * MF_NS_PER_MS;
    (void)timers_fire(&loop->timers, loop->now_ns);
    work();
}

/* The server's end has what was sent, and so the connection. */
static void arrived(int fd)
{
    int unacknowledged = 1;
    for (int i = 0; i < PATIENCE_MS && unacknowledged; i++) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &unacknowledged), 0);
        if (unacknowledged)
            (void)poll(NULL, 0, 1);
    }
    assert_int_equal(unacknowledged, 0);
}

static int client(const char *text)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const int buffer_bytes = CLIENT_BUFFER_BYTES;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
    arrived(fd);
    work();
    return fd;
}

static bool is_open(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static bool is_closed(int fd)
{
    struct pollfd end = {fd, POLLRDHUP, 0};
    return poll(&end, 1, PATIENCE_MS) == 1 && !is_open(fd);
}

static bool hang_up_is_noticed(void)
{
    for (int i = 0; i < RUNS_MAX && !left; i++)
        work();
    return left == 1;
}

/* ---- tests ---- */

static void nothing_is_armed_without_clients(void **state)
{
    (void)state;
    work();
    assert_true(timers_next(&loop->timers) == TIMER_NEVER);
    (void)close(client("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    work();
    assert_int_equal(server.clients, 0);
    assert_true(timers_next(&loop->timers) == TIMER_NEVER);
}

static void a_head_that_does_not_end_is_cut_off(void **state)
{
    (void)state;
    int fd = client("GET / HTTP/1.1\r\nX-A:");
    for (int i = 0; i < 9; i++) { /* a byte now and then does not help */
        advance(MF_REQUEST_HEAD_MS_MAX / 10);
        assert_int_equal(send(fd, "a", 1, MSG_NOSIGNAL), 1);
        work();
        assert_true(is_open(fd));
    }
    advance(MF_REQUEST_HEAD_MS_MAX / 10);
    assert_true(is_closed(fd));
    (void)close(fd);
}

static void an_idle_connection_is_closed(void **state)
{
    (void)state;
    char text[1024];
    int fd = client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(recv(fd, text, sizeof text, MSG_DONTWAIT) > 0);
    advance(MF_REQUEST_HEAD_MS_MAX - 1);
    assert_true(is_open(fd));
    advance(1);
    assert_true(is_closed(fd));
    (void)close(fd);
}

static void a_body_that_does_not_end_is_cut_off(void **state)
{
    (void)state;
    int fd = client("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    for (int i = 0; i < 9; i++) {
        advance(MF_REQUEST_BODY_MS_MAX / 10);
        assert_int_equal(send(fd, "a", 1, MSG_NOSIGNAL), 1);
        work();
        assert_true(is_open(fd));
    }
    advance(MF_REQUEST_BODY_MS_MAX / 5);
    assert_true(is_closed(fd));
    (void)close(fd);
}

static void who_does_not_take_the_reply_is_cut_off(void **state)
{
    (void)state;
    large = true;
    int fd = client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    advance(MF_REPLY_MS_MAX - 1);
    assert_int_equal(server.clients, 1);
    advance(1);
    assert_int_equal(server.clients, 0);
    (void)close(fd);
}

static void who_waits_for_an_answer_may_wait(void **state)
{
    (void)state;
    suspend = true;
    int fd = client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    advance(MF_CLIENT_WATCH_MS);
    advance(10ull * MF_REPLY_MS_MAX);
    assert_true(is_open(fd));
    assert_int_equal(left, 0);
    assert_true(timers_next(&loop->timers) == TIMER_NEVER); /* nothing but the hang-up to wait for */
    struct MHD_Response *response = answer_text("text/plain", "ok", 2);
    client_answer(waiting, 200, response);
    MHD_destroy_response(response);
    work();
    char text[1024];
    assert_true(recv(fd, text, sizeof text, MSG_DONTWAIT) > 0);
    (void)close(fd);
}

static void a_hang_up_is_noticed_soon_or_at_once(void **state)
{
    (void)state;
    suspend = true;
    int early = client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)close(early);
    work();
    assert_int_equal(left, 0);
    advance(MF_CLIENT_WATCH_MS);
    assert_true(hang_up_is_noticed());
    left = 0;
    int late = client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    advance(MF_CLIENT_WATCH_MS);
    assert_int_equal(left, 0);
    (void)close(late);
    assert_true(hang_up_is_noticed());
}

static void a_hang_up_with_the_last_data_of_half_a_body_is_noticed(void **state)
{
    (void)state;
    int fd = client("");
    static const char half[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc";
    assert_int_equal(send(fd, half, sizeof half - 1, 0), sizeof half - 1);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    work();
    advance(MF_CLIENT_WATCH_MS);
    assert_int_equal(server.clients, 0);
    (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_armed_without_clients),
        TEST(a_head_that_does_not_end_is_cut_off),
        TEST(an_idle_connection_is_closed),
        TEST(a_body_that_does_not_end_is_cut_off),
        TEST(who_does_not_take_the_reply_is_cut_off),
        TEST(who_waits_for_an_answer_may_wait),
        TEST(a_hang_up_is_noticed_soon_or_at_once),
        TEST(a_hang_up_with_the_last_data_of_half_a_body_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
