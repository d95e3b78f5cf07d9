/*
 * test_kernel_contract.c: the contract `http` (contract_rig.h): events become requests, responses
 * replies, and what a bad server does an error with a reason.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "contract_rig.h"

/* The program listens, an event comes, and its request has been read: the connection to answer on. */
static struct socket *asked(const char *method, size_t bytes)
{
    listens();
    invoke(method, bytes);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
    return server;
}

static void an_event_is_a_request_and_its_response_the_reply(void **state)
{
    (void)state;
    struct socket *server = asked("POST", 5);
    assert_memory_equal(request, "POST /path HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n", 52);
    assert_memory_equal(request + request_bytes - 5, body, 5);
    assert_false(turn());
    writes(server, "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhe");
    assert_true(turn());
    assert_int_equal(got.ends, 0);
    writes(server, "llo");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    assert_int_equal(got.status, 201);
    assert_string_equal((char *)got.body, "hello");
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, got.head, got.head_bytes, true);
    assert_int_equal(field_next(&reader, &field), MF_OK);
    assert_memory_equal(field.name, "content-type", 12);
    assert_int_equal(field_next(&reader, &field), MF_ENOENT);
    assert_int_equal(event_current(), 0);
    closes(server);
}

static void one_connection_serves_event_after_event(void **state)
{
    (void)state;
    listens();
    struct socket *server = NULL;
    for (unsigned i = 0; i < 20; i++) {
        invoke(i % 2 ? "GET" : "PUT", i % 2 ? 0 : i * 100);
        assert_true(turn());
        if (!server)
            server = accepts();
        while (reads(server) > 0)
            ;
        writes(server, OK_LINE "Content-Length: 2\r\n\r\nok");
        assert_true(turn());
        assert_int_equal(got.ends, 1);
        assert_int_equal(got.errors, 0);
    }
    assert_int_equal(listener->waiting_count, 0);
    closes(server);
}

static void a_connection_closed_meanwhile_is_opened_anew(void **state)
{
    (void)state;
    listens();
    for (unsigned i = 0; i < 3; i++) {
        invoke("GET", 0);
        assert_true(turn());
        struct socket *server = accepts();
        assert_true(reads(server) > 0);
        writes(server, OK_LINE "Content-Length: 2\r\n\r\nok");
        if (i == 0)
            closes(server); /* before we see the response */
        assert_true(turn());
        assert_int_equal(got.ends, 1);
        assert_int_equal(got.errors, 0);
        if (i > 0)
            closes(server);
    }
}

/* The program's timer is faster than our request. */
static void what_nobody_read_is_sent_again(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    writes(server, OK_LINE "Content-Length: 2\r\n\r\nok");
    assert_true(turn());
    invoke("POST", 200000);
    assert_true(turn());
    closes(server);
    assert_true(turn());
    assert_int_equal(got.errors, 0);
    server = accepts();
    while (request_bytes < 200000) {
        (void)reads(server);
        (void)turn();
    }
    assert_memory_equal(request + request_bytes - 200000, body, 200000);
    writes(server, OK_LINE "Content-Length: 3\r\n\r\nyes");
    assert_true(turn());
    assert_string_equal((char *)got.body, "yes");
    assert_int_equal(got.errors, 0);
    closes(server);
}

static void what_was_read_is_not_sent_again(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    writes(server, OK_LINE "Content-Length: 2\r\n\r\nok");
    assert_true(turn());
    invoke("POST", 10);
    assert_true(turn());
    assert_true(reads(server) > 0);
    closes(server);
    assert_true(turn());
    assert_int_equal(got.errors, 1);
    assert_int_equal(got.error_arg, MF_ERROR_ANSWER);
    assert_non_null(strstr(got.error, "closed without a byte"));
    assert_int_equal(listener->waiting_count, 0);
}

static void large_bodies_go_through(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000, MF_BODY_BYTES_MAX};
    listens();
    struct socket *server = NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char head[128];
        invoke("POST", sizes[i]);
        (void)turn();
        if (!server)
            server = accepts();
        int head_bytes = snprintf(
            head, sizeof head, "POST /path HTTP/1.1\r\nhost: h\r\ncontent-length: %zu\r\n\r\n", sizes[i]);
        while (request_bytes < (size_t)head_bytes + sizes[i]) {
            (void)reads(server);
            (void)turn();
        }
        assert_int_equal(request_bytes, (size_t)head_bytes + sizes[i]);
        assert_memory_equal(request, head, (size_t)head_bytes);
        assert_memory_equal(request + head_bytes, body, sizes[i]);
        head_bytes = snprintf(head, sizeof head, OK_LINE "Content-Length: %zu\r\n\r\n", sizes[i]);
        writes(server, head);
        for (size_t at = 0; at < sizes[i];) {
            int64_t sent = writes_bytes(server, body + at, sizes[i] - at);
            at += sent > 0 ? (size_t)sent : 0;
            (void)turn();
        }
        (void)turn();
        assert_int_equal(got.ends, 1);
        assert_int_equal(got.errors, 0);
        assert_int_equal(got.bytes, sizes[i]);
        assert_memory_equal(got.body, body, sizes[i]);
    }
    closes(server);
}

/* Into the channel from where the program has it: the connection's buffer holds nothing of it. */
static void a_large_body_goes_past_the_buffer(void **state)
{
    (void)state;
    static const char *const heads[] = {"Content-Length: 300000\r\n\r\n", "Connection: close\r\n\r\n",
                                        "Transfer-Encoding: chunked\r\n\r\n493e0\r\n"};
    listens();
    for (size_t i = 0; i < 3; i++) {
        invoke("GET", 0);
        assert_true(turn());
        struct socket *server = accepts();
        assert_true(reads(server) > 0);
        writes(server, OK_LINE);
        writes(server, heads[i]);
        size_t at = 0;
        while (at < 290000) {
            int64_t sent = writes_bytes(server, body + at, 300000 - at);
            assert_in_range(sent, 1, MF_CHUNK_BYTES_MAX);
            assert_true(at + (size_t)sent == 300000 || server->peer->received.bytes == 0);
            at += (size_t)sent;
        }
        while (at < 300000) { /* but for its end */
            int64_t sent = writes_bytes(server, body + at, 300000 - at);
            assert_true(sent > 0);
            at += (size_t)sent;
        }
        assert_int_equal(got.ends, 0);
        if (i == 2)
            writes(server, "\r\n0\r\n\r\n");
        closes(server);
        assert_true(turn());
        assert_int_equal(got.ends, 1);
        assert_int_equal(got.errors, 0);
        assert_int_equal(got.bytes, 300000);
        assert_memory_equal(got.body, body, 300000);
    }
}

/* What is written behind a head that ends the response, or is none, in one call: the connection is closed
 * while its writer is at it. */
static void a_large_body_that_none_may_follow_goes_nowhere(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    writes(server, "SSH-2.0-OpenSSH\r\n");
    assert_int_equal(writes_bytes(server, body, 100000), 100000); /* as Linux takes what comes behind the end */
    take_all();
    assert_int_equal(got.errors, 1);
    assert_non_null(strstr(got.error, "first line"));
    closes(server);
    invoke("GET", 0);
    assert_true(turn());
    server = accepts();
    assert_true(reads(server) > 0);
    writes(server, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(writes_bytes(server, body, 100000), 100000);
    take_all();
    assert_int_equal(got.ends, 1);
    assert_int_equal(got.bytes, 0);
    closes(server);
    invoke("GET", 0);
    assert_true(turn());
    server = accepts();
    assert_true(reads(server) > 0);
    writes(server, OK_LINE "Content-Length: 7000000\r\n\r\n");
    assert_int_equal(writes_bytes(server, body, 100000), 100000); /* as Linux takes what comes behind the end */
    take_all();
    assert_non_null(strstr(got.error, "larger than a reply"));
    closes(server);
}

/* Without a length it may be of any, and is refused where it becomes too long. */
static void a_large_body_past_the_limit_is_a_bad_answer(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    writes(server, OK_LINE "\r\n");
    for (size_t at = 0; at < MF_BODY_BYTES_MAX;) {
        int64_t sent = writes_bytes(server, body + at, MF_BODY_BYTES_MAX - at);
        assert_true(sent > 0);
        at += (size_t)sent;
        (void)turn();
    }
    assert_int_equal(got.errors, 0);
    assert_int_equal(got.bytes, MF_BODY_BYTES_MAX);
    assert_memory_equal(got.body, body, MF_BODY_BYTES_MAX);
    assert_true(writes_bytes(server, body, 100000) != 0);
    (void)turn();
    assert_int_equal(got.errors, 1);
    assert_non_null(strstr(got.error, "larger than a reply"));
    closes(server);
}

static void a_large_body_of_a_cancelled_event_waits_for_its_end(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    writes(server, OK_LINE "Content-Length: 300000\r\n\r\n");
    assert_true(writes_bytes(server, body, 100000) > 0);
    take_all();
    size_t before = got.bytes;
    send_message(MF_MSG_CANCEL, event.id);
    assert_true(writes_bytes(server, body, 100000) > 0);
    assert_true(turn());
    assert_int_equal(got.errors, 1);
    assert_int_equal(got.bytes, before);
    closes(server);
}

static void an_answer_before_the_bodys_end_is_enough(void **state)
{
    (void)state;
    struct socket *server = asked("POST", MF_BODY_BYTES_MAX);
    writes(server, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    (void)turn();
    assert_int_equal(got.status, 413);
    assert_int_equal(got.ends, 1);
    assert_true(reads(server) >= 0);
    while (reads(server) > 0)
        ;
    closes(server);
    event.bytes = event.sent; /* the node: an empty BODY, the end */
    struct mf_desc rest = {.id = event.id, .type = MF_MSG_BODY, .flags = MF_MSG_END};
    assert_int_equal(channel_put(&node, &rest, NULL, NULL), MF_OK);
    invoke("GET", 0);
    assert_true(turn());
    server = accepts(); /* not the one with half a request on it */
    assert_true(reads(server) > 0);
    writes(server, OK_LINE "\r\nto the end");
    closes(server);
    assert_true(turn());
    assert_string_equal((char *)got.body, "to the end");
}

static void an_event_waits_until_somebody_listens(void **state)
{
    (void)state;
    assert_false(contract_http.may_freeze());
    invoke("GET", 0);
    (void)turn();
    take_all();
    assert_int_equal(got.logs, 0); /* it may be about to */
    assert_false(contract_http.may_freeze());
    assert_false(contract_http.may_freeze());
    take_all();
    assert_int_equal(got.logs, 1);
    assert_non_null(strstr(got.log, "does not listen on port 8080"));
    assert_int_equal(got.log_id, event.id);
    listens();
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
    writes(server, OK_LINE "Content-Length: 0\r\n\r\n");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    assert_true(contract_http.may_freeze());
    closes(server);
}

static void assert_bad_answer(const char *answer, bool close_it, const char *what)
{
    invoke("GET", 0);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
    writes(server, answer);
    if (close_it)
        closes(server);
    assert_true(turn());
    assert_int_equal(got.errors, 1);
    assert_int_equal(got.ends, 1);
    assert_int_equal(got.error_arg, MF_ERROR_ANSWER);
    assert_non_null(strstr(got.error, "on port 8080"));
    assert_non_null(strstr(got.error, what));
    if (!close_it) {
        assert_int_equal(reads(server), server->error ? -ECONNRESET : 0);
        closes(server);
    }
}

static void what_is_no_response_is_a_bad_answer(void **state)
{
    (void)state;
    listens();
    assert_bad_answer("SSH-2.0-OpenSSH\r\n", false, "first line");
    assert_bad_answer("", true, "without a byte");
    assert_bad_answer(OK_LINE, true, "within its headers");
    assert_bad_answer(OK_LINE "content-length: 10\r\n\r\nabc", true, "before the end of its body");
    assert_int_equal(got.replies, 1); /* it had begun: the error replaces it */
    assert_bad_answer(OK_LINE "content-length: 99999999\r\n\r\n", false, "larger than a reply");
    assert_bad_answer("HTTP/1.1 101 Switching Protocols\r\n\r\n", false, "another protocol");
}

static void a_cancelled_event_closes_its_connection(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    send_message(MF_MSG_CANCEL, event.id);
    assert_true(turn());
    assert_int_equal(got.errors, 1);
    assert_int_equal(reads(server), 0);
    closes(server);
    invoke("GET", 0); /* and another one, before it begins */
    send_message(MF_MSG_CANCEL, event.id);
    (void)turn();
    assert_int_equal(got.errors, 1);
    assert_int_equal(listener->waiting_count, 0);
}

static void what_comes_behind_a_response_ends_the_connection(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    writes(server, OK_LINE "Content-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    assert_string_equal((char *)got.body, "a");
    assert_int_equal(got.logs, 1);
    assert_non_null(strstr(got.log, "more than its response"));
    assert_int_equal(reads(server), -ECONNRESET);
    closes(server);
}

/* An answer to nothing that was asked would be another event's. */
static void what_comes_between_events_is_nobodys_reply(void **state)
{
    (void)state;
    struct socket *server = asked("GET", 0);
    writes(server, OK_LINE "Content-Length: 1\r\n\r\na");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    writes(server, OK_LINE "Content-Length: 5\r\n\r\nstray");
    invoke("GET", 0);
    assert_true(turn());
    closes(server);
    server = accepts();
    assert_true(reads(server) > 0);
    writes(server, OK_LINE "Content-Length: 3\r\n\r\nown");
    assert_true(turn());
    assert_string_equal((char *)got.body, "own");
    closes(server);
}

/* What was not read of a request is the next one to the program. */
static void a_request_that_was_not_read_ends_the_connection(void **state)
{
    (void)state;
    listens();
    invoke("POST", 3000);
    assert_true(turn());
    struct socket *server = accepts();
    struct io io;
    uint32_t flags = 0;
    io_kernel(&io, request, 10);
    assert_int_equal(socket_receive(server, &io, &flags, NULL, NULL), 10);
    writes(server, OK_LINE "Content-Length: 1\r\n\r\na");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    invoke("GET", 0);
    assert_true(turn());
    closes(server);
    server = accepts();
    assert_true(reads(server) > 0);
    assert_memory_equal(request, "GET", 3);
    writes(server, OK_LINE "Content-Length: 3\r\n\r\nown");
    assert_true(turn());
    assert_string_equal((char *)got.body, "own");
    closes(server);
}

static void a_warm_up_comes_before_the_freeze(void **state)
{
    (void)state;
    warm_up = "/warm?up=1";
    boot->flags = MF_BOOT_FREEZE;
    contract_http.start();
    memset(&got, 0, offsetof(struct got, body));
    request_bytes = 0;
    assert_false(contract_http.may_freeze()); /* nobody listens */
    listens();
    assert_false(contract_http.may_freeze());
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
    assert_memory_equal(request, "GET /warm?up=1 HTTP/1.1\r\n", 25);
    assert_false(contract_http.may_freeze());
    writes(server, "HTTP/1.1 500 Not Yet\r\nContent-Length: 3\r\n\r\nabc");
    assert_true(turn());
    assert_int_equal(got.replies + got.errors, 0);
    assert_non_null(strstr(got.log, "status 500"));
    assert_true(contract_http.may_freeze());
    invoke("GET", 0); /* the connection is warm, too */
    assert_true(turn());
    assert_true(reads(server) > 0);
    writes(server, OK_LINE "Content-Length: 0\r\n\r\n");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    closes(server);
}

static void a_drain_halts_it(void **state)
{
    (void)state;
    send_message(MF_MSG_DRAIN, 0);
    if (setjmp(rig_end) == 0) {
        (void)turn();
        fail();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_rig_open, contract_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_a_request_and_its_response_the_reply),
        TEST(one_connection_serves_event_after_event),
        TEST(a_connection_closed_meanwhile_is_opened_anew),
        TEST(what_nobody_read_is_sent_again),
        TEST(what_was_read_is_not_sent_again),
        TEST(large_bodies_go_through),
        TEST(a_large_body_goes_past_the_buffer),
        TEST(a_large_body_that_none_may_follow_goes_nowhere),
        TEST(a_large_body_past_the_limit_is_a_bad_answer),
        TEST(a_large_body_of_a_cancelled_event_waits_for_its_end),
        TEST(an_answer_before_the_bodys_end_is_enough),
        TEST(an_event_waits_until_somebody_listens),
        TEST(what_is_no_response_is_a_bad_answer),
        TEST(a_cancelled_event_closes_its_connection),
        TEST(what_comes_behind_a_response_ends_the_connection),
        TEST(what_comes_between_events_is_nobodys_reply),
        TEST(a_request_that_was_not_read_ends_the_connection),
        TEST(a_warm_up_comes_before_the_freeze),
        TEST(a_drain_halts_it),
    };
    if (!contract_rig_boot())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
