/* test_kernel_http.c: events as requests, and responses read however they are cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/event.h"
#include "kernel/contract/http_message.h"
#include "kernel/contract/http_request.h"

static uint8_t fields[2 * MF_HEAD_BYTES_MAX];
static uint32_t field_bytes;
static uint8_t request[HTTP_REQUEST_BYTES_MAX];
static struct http_room room;

static void put(uint16_t kind, const char *name, const char *value, size_t value_bytes)
{
    struct mf_field field = {kind, (uint16_t)strlen(name), (uint32_t)value_bytes};
    memcpy(fields + field_bytes, &field, sizeof field);
    field_bytes += (uint32_t)sizeof field;
    memcpy(fields + field_bytes, name, field.name_bytes);
    memcpy(fields + field_bytes + field.name_bytes, value, value_bytes);
    field_bytes += field.name_bytes + (uint32_t)value_bytes;
}

static void begin(const char *method, const char *path)
{
    field_bytes = 0;
    if (method)
        put(MF_FIELD_METHOD, "", method, strlen(method));
    if (path)
        put(MF_FIELD_PATH, "", path, strlen(path));
}

static void header(const char *name, const char *value)
{
    put(MF_FIELD_HEADER, name, value, strlen(value));
}

static void assert_request(uint64_t body_bytes, const char *expected)
{
    struct http_request how = {.host = "localhost:8080", .body_bytes = body_bytes};
    int64_t bytes = http_request_head(&how, fields, field_bytes, request, sizeof request);
    assert_true(bytes > 0);
    request[bytes] = 0;
    assert_string_equal((char *)request, expected);
}

static int64_t request_error(void)
{
    struct http_request how = {.host = "h"};
    return http_request_head(&how, fields, field_bytes, request, sizeof request);
}

static void an_http_event_is_its_request(void **state)
{
    (void)state;
    begin("GET", "/a/b");
    put(MF_FIELD_QUERY, "", "x=1&y", 5);
    header("host", "example.org");
    header("accept", "*/*");
    assert_request(0, "GET /a/b?x=1&y HTTP/1.1\r\nhost: example.org\r\naccept: */*\r\n\r\n");
    begin("POST", "/");
    header("content-type", "text/plain");
    assert_request(17, "POST / HTTP/1.1\r\ncontent-type: text/plain\r\nhost: localhost:8080\r\n"
                       "content-length: 17\r\n\r\n");
    assert_request(0, "POST / HTTP/1.1\r\ncontent-type: text/plain\r\nhost: localhost:8080\r\n"
                      "content-length: 0\r\n\r\n");
    begin("OPTIONS", "*");
    header("host", "");
    assert_request(0, "OPTIONS * HTTP/1.1\r\nhost: \r\n\r\n");
}

static void another_event_is_posted(void **state)
{
    (void)state;
    begin(NULL, NULL);
    put(MF_FIELD_TYPE, "", "org.example.reading", 19);
    header("ce-specversion", "1.0");
    header("ce-type", "org.example.reading");
    assert_request(2, "POST / HTTP/1.1\r\nce-specversion: 1.0\r\nce-type: org.example.reading\r\n"
                      "host: localhost:8080\r\ncontent-length: 2\r\n\r\n");
}

static void what_belongs_to_a_connection_is_left_out(void **state)
{
    (void)state;
    begin("PUT", "/x");
    header("connection", "close, x-mine");
    header("content-length", "999");
    header("transfer-encoding", "gzip, chunked");
    header("expect", "100-continue");
    header("upgrade", "h2c");
    header("te", "trailers");
    header("host", "first");
    header("host", "second");
    assert_request(1, "PUT /x HTTP/1.1\r\nhost: first\r\ncontent-length: 1\r\n\r\n");
}

static void no_field_makes_a_second_request(void **state)
{
    (void)state;
    begin("GET", "/a b\x01\x7f\xff#c");
    header("host", "h");
    assert_request(0, "GET /a%20b%01%7F%FF%23c HTTP/1.1\r\nhost: h\r\n\r\n");
    begin("GET", "a");
    header("host", "h");
    assert_request(0, "GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
    begin("GET", "/");
    header("a", "b\r\nc: d");
    assert_int_equal(request_error(), -EPROTO);
    begin("GET", "/");
    header("a: b\r\nc", "d");
    assert_int_equal(request_error(), -EPROTO);
    begin("GET / HTTP/1.1\r\n", "/");
    assert_int_equal(request_error(), -EPROTO);
    begin("", "/");
    assert_int_equal(request_error(), -EPROTO);
    begin("CONNECT", "/");
    assert_int_equal(request_error(), -EINVAL);
}

static void fields_that_are_cut_are_refused(void **state)
{
    (void)state;
    begin("GET", "/path");
    uint32_t whole = field_bytes;
    for (field_bytes = 1; field_bytes < whole; field_bytes++)
        if (field_bytes != sizeof(struct mf_field) + 3) /* that is one field, whole */
            assert_int_equal(request_error(), -EPROTO);
    put(9, "", "", 0);
    assert_int_equal(request_error(), -EPROTO);
}

static void the_largest_fields_fit(void **state)
{
    (void)state;
    static char path[MF_HEAD_BYTES_MAX];
    memset(path, ' ', sizeof path); /* each becomes three */
    field_bytes = 0;
    put(MF_FIELD_PATH, "", path, MF_HEAD_BYTES_MAX - sizeof(struct mf_field));
    struct http_request how = {.host = "localhost:65535", .body_bytes = MF_BODY_BYTES_MAX};
    assert_true(http_request_head(&how, fields, field_bytes, request, sizeof request) > 0);
    assert_int_equal(http_request_head(&how, fields, field_bytes, request, 1000), -E2BIG);
}

static struct http_message message;
static char body[256];
static size_t body_bytes, taken;

/* The text in pieces of so many bytes; then the end, if wanted. */
static void read_cut(const char *text, size_t bytes, size_t cut, bool head, bool end)
{
    http_message_begin(&message, HTTP_RESPONSE, head, &room);
    body_bytes = taken = 0;
    while (taken < bytes && message.state != HTTP_DONE && message.state != HTTP_WRONG) {
        struct http_piece piece;
        size_t part = bytes - taken < cut ? bytes - taken : cut;
        size_t got = http_message_take(&message, (const uint8_t *)text + taken, part, &piece);
        assert_true(got <= part && (got > 0 || part == 0));
        taken += got;
        assert_true(body_bytes + piece.bytes <= sizeof body);
        memcpy(body + body_bytes, piece.data ? piece.data : (const uint8_t *)"", piece.bytes);
        body_bytes += piece.bytes;
    }
    if (end)
        http_message_end(&message);
}

static void assert_response(const char *text, bool head, uint16_t status, const char *expected,
                            bool keeps)
{
    for (size_t cut = 1; cut <= strlen(text); cut++) {
        read_cut(text, strlen(text), cut, head, true);
        assert_null(message.wrong);
        assert_int_equal(message.state, HTTP_DONE);
        assert_int_equal(message.status, status);
        assert_int_equal(body_bytes, strlen(expected));
        assert_memory_equal(body, expected, body_bytes);
        assert_int_equal(http_message_keeps(&message), keeps);
    }
}

static void assert_field(unsigned number, const char *name, const char *value)
{
    uint32_t at = 0;
    struct mf_field field = {0};
    for (unsigned i = 0; i <= number; i++) {
        at += i ? (uint32_t)sizeof field + field.name_bytes + field.value_bytes : 0;
        assert_true(at + sizeof field <= message.field_bytes);
        memcpy(&field, room.fields + at, sizeof field);
    }
    at += (uint32_t)sizeof field;
    assert_int_equal(field.kind, MF_FIELD_HEADER);
    assert_int_equal(field.name_bytes, strlen(name));
    assert_memory_equal(room.fields + at, name, field.name_bytes);
    assert_int_equal(field.value_bytes, strlen(value));
    assert_memory_equal(room.fields + at + field.name_bytes, value, field.value_bytes);
}

static void a_response_is_read_however_it_is_cut(void **state)
{
    (void)state;
    assert_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true);
    assert_response("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", false, 200, "", true);
    assert_response("HTTP/1.1 404 Not Found\nConnection: close\n\nuntil the end", false, 404,
                    "until the end", false);
    assert_response("HTTP/1.0 200 OK\r\n\r\n", false, 200, "", false);
    assert_response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", false,
                    200, "hi", true);
    assert_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n"
                    "00A;name=\"x\"\r\n, my world\r\n0\r\nX-Sum: 1\r\n\r\n",
                    false, 200, "hello, my world", true);
}

static void a_response_without_a_body_ends_with_its_head(void **state)
{
    (void)state;
    assert_response("HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true);
    assert_response("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", false, 304, "", true);
    assert_response("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", true, 200, "", true);
    assert_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, 200, "", true);
    assert_response("HTTP/1.1 200 OK\r\n\r\n", true, 200, "", true);
}

static void what_comes_before_a_response_is_skipped(void **state)
{
    (void)state;
    assert_response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nConnection: close\r\n"
                    "link: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\nx: y\r\n\r\nz",
                    false, 200, "z", true);
    assert_int_equal(message.field_count, 1);
    assert_field(0, "x", "y");
}

static void its_headers_become_fields(void **state)
{
    (void)state;
    static const char text[] =
        "HTTP/1.1 200 OK\r\nContent-Type:text/html;  charset=utf-8 \t\r\nSet-Cookie: a=1\r\n"
        "set-cookie: b=2\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\nDate: now\r\n"
        "X-Empty:\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n0\r\n\r\n";
    assert_response(text, false, 200, "", true);
    assert_int_equal(message.field_count, 5);
    assert_field(0, "content-type", "text/html;  charset=utf-8");
    assert_field(1, "set-cookie", "a=1");
    assert_field(2, "set-cookie", "b=2");
    assert_field(3, "date", "now");
    assert_field(4, "x-empty", "");
}

static void what_can_be_read_in_two_ways_ends_the_connection(void **state)
{
    (void)state;
    assert_response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1\r\na\r\n0\r\n\r\n",
                    false, 200, "a", false);
    assert_response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1\r\na\r\n0\r\n\r\n",
                    false, 200, "a", false);
    assert_response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\nabc", false,
                    200, "abc", true);
}

static void what_follows_a_response_is_not_taken(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n";
    read_cut(text, sizeof text - 1, sizeof text, false, false);
    assert_int_equal(message.state, HTTP_DONE);
    assert_int_equal(taken, strlen("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"));
}

static void assert_wrong(const char *text, const char *what)
{
    size_t bytes = strlen(text);
    for (size_t cut = 1; cut <= bytes + 1; cut++) {
        read_cut(text, bytes, cut, false, true);
        assert_int_equal(message.state, HTTP_WRONG);
        assert_non_null(strstr(message.wrong, what));
    }
}

#define OK_LINE "HTTP/1.1 200 OK\r\n"

static void what_is_no_response_is_told(void **state)
{
    (void)state;
    static const char *const first[] = {
        "SSH-2.0-x\r\n", "\r\n", "HTTP/2 200\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000\r\n",
        "HTTP/1.1 200OK\r\n", "HTTP/1.1 600 x\r\n", "HTTP/1.1 099 x\r\n", "HTTP/1.x 200 OK\r\n",
        "HTTP/1.1  200 OK\r\n", " HTTP/1.1 200 OK\r\n", "HTTP/1.1 2x0 OK\r\n",
    };
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        assert_wrong(first[i], "first line");
    static const char *const no_header[] = {
        "a b: c\r\n", ": c\r\n", "a\r\n", " folded: x\r\n", "a : b\r\n", "a: b\rc\r\n", "\x80: a\r\n",
    };
    char text[128];
    for (size_t i = 0; i < sizeof no_header / sizeof no_header[0]; i++) {
        (void)snprintf(text, sizeof text, OK_LINE "%s", no_header[i]);
        assert_wrong(text, "no header");
    }
    assert_wrong(OK_LINE "content-length: -1\r\n", "no number");
    assert_wrong(OK_LINE "content-length: 0x10\r\n", "no number");
    assert_wrong(OK_LINE "content-length:\r\n", "no number");
    assert_wrong(OK_LINE "content-length: 18446744073709551617\r\n", "no number");
    assert_wrong(OK_LINE "content-length: 1, 1\r\n", "no number");
    assert_wrong(OK_LINE "content-length: 1\r\ncontent-length: 2\r\n", "two lengths");
    assert_wrong(OK_LINE "content-length: 6291457\r\n\r\n", "larger");
    assert_wrong(OK_LINE "transfer-encoding: gzip, chunked\r\n", "another than chunked");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
                 "another than chunked");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\n\r\nx\r\n", "chunk's size");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\n\r\n1 1\r\n", "chunk's size");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than it says");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\n\r\n600001\r\n", "larger");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", "chunk's size");
    assert_wrong("HTTP/1.1 101 Switching Protocols\r\n\r\n", "another protocol");
}

static void what_is_closed_early_is_told(void **state)
{
    (void)state;
    read_cut("", 0, 1, false, true);
    assert_non_null(strstr(message.wrong, "without a byte"));
    assert_wrong("HTTP/1.1 2", "within its first line");
    assert_wrong(OK_LINE "a: b\r\n", "within its headers");
    assert_wrong(OK_LINE "content-length: 2\r\n\r\na", "before the end of its body");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\n\r\n2\r\na", "before the end of its body");
    assert_wrong(OK_LINE "transfer-encoding: chunked\r\n\r\n0\r\n", "before the end of its body");
}

static void a_head_has_its_bounds(void **state)
{
    (void)state;
    static char text[4 * MF_HEAD_BYTES_MAX];
    size_t at = (size_t)sprintf(text, OK_LINE);
    for (unsigned i = 0; i <= MF_FIELDS_MAX; i++)
        at += (size_t)sprintf(text + at, "a: b\r\n");
    read_cut(text, at - 6, 1000, false, false);
    assert_int_equal(message.state, HTTP_HEADERS);
    read_cut(text, at, 1000, false, false);
    assert_non_null(strstr(message.wrong, "too many headers"));

    at = (size_t)sprintf(text, OK_LINE "a: ");
    memset(text + at, 'x', MF_FIELD_VALUE_MAX + 1);
    memcpy(text + at + MF_FIELD_VALUE_MAX, "\r\n", 2);
    read_cut(text, at + MF_FIELD_VALUE_MAX + 2, 1000, false, false);
    assert_int_equal(message.state, HTTP_HEADERS);
    memcpy(text + at + MF_FIELD_VALUE_MAX, "x\r\n", 3);
    read_cut(text, at + MF_FIELD_VALUE_MAX + 3, 1000, false, false);
    assert_non_null(strstr(message.wrong, "too long"));

    memset(text, 'x', sizeof text);
    read_cut(text, sizeof text, 1000, false, false);
    assert_non_null(strstr(message.wrong, "too long"));

    at = (size_t)sprintf(text, OK_LINE);
    for (unsigned i = 0; i < 3; i++)
        at += (size_t)sprintf(text + at, "a: %0*d\r\n", (int)MF_FIELD_VALUE_MAX - 100, 1);
    read_cut(text, at, 1000, false, false);
    assert_non_null(strstr(message.wrong, "too large"));

    at = 0;
    for (unsigned i = 0; i <= HTTP_INTERIM_MAX; i++)
        at += (size_t)sprintf(text + at, "HTTP/1.1 100 Continue\r\n\r\n");
    read_cut(text, at, 1000, false, false);
    assert_non_null(strstr(message.wrong, "too many responses"));

    at = (size_t)sprintf(text, OK_LINE "transfer-encoding: chunked\r\n\r\n0\r\n");
    for (unsigned i = 0; i < HTTP_TRAILER_BYTES_MAX / 6; i++)
        at += (size_t)sprintf(text + at, "a: bc\r\n");
    read_cut(text, at, 1000, false, false);
    assert_non_null(strstr(message.wrong, "trailers"));
}

static void a_request_is_read(void **state)
{
    (void)state;
    static const char text[] = "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\n"
                               "Host: 127.0.0.1:9001\r\nContent-Length: 2\r\n\r\n{}GET /";
    struct http_piece piece;
    size_t at = 0;
    http_message_begin(&message, HTTP_REQUEST, false, &room);
    while (message.state != HTTP_DONE) {
        assert_int_not_equal(message.state, HTTP_WRONG);
        at += http_message_take(&message, (const uint8_t *)text + at, sizeof text - 1 - at, &piece);
    }
    assert_int_equal(at, sizeof text - 1 - 5);
    assert_int_equal(piece.bytes, 2);
    assert_string_equal(message.method, "POST");
    assert_int_equal(message.target_bytes, strlen("/2018-06-01/runtime/invocation/1/response"));
    assert_true(http_message_keeps(&message));

    static const char get[] = "GET / HTTP/1.0\r\n\r\n";
    http_message_begin(&message, HTTP_REQUEST, false, &room);
    assert_int_equal(http_message_take(&message, (const uint8_t *)get, sizeof get - 1, &piece),
                     sizeof get - 1);
    assert_int_equal(message.state, HTTP_DONE);
    assert_false(http_message_keeps(&message));

    static const char *const bad[] = {"GET /\r\n", "GET  / HTTP/1.1\r\n", "G@T / HTTP/1.1\r\n",
                                      "GET /a b HTTP/1.1\r\n", "/ HTTP/1.1\r\n", "GET / HTTP/2.0\r\n",
                                      "VERYLONGMETHODNAME / HTTP/1.1\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        http_message_begin(&message, HTTP_REQUEST, false, &room);
        (void)http_message_take(&message, (const uint8_t *)bad[i], strlen(bad[i]), &piece);
        assert_int_equal(message.state, HTTP_WRONG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_http_event_is_its_request),
        cmocka_unit_test(another_event_is_posted),
        cmocka_unit_test(what_belongs_to_a_connection_is_left_out),
        cmocka_unit_test(no_field_makes_a_second_request),
        cmocka_unit_test(fields_that_are_cut_are_refused),
        cmocka_unit_test(the_largest_fields_fit),
        cmocka_unit_test(a_response_is_read_however_it_is_cut),
        cmocka_unit_test(a_response_without_a_body_ends_with_its_head),
        cmocka_unit_test(what_comes_before_a_response_is_skipped),
        cmocka_unit_test(its_headers_become_fields),
        cmocka_unit_test(what_can_be_read_in_two_ways_ends_the_connection),
        cmocka_unit_test(what_follows_a_response_is_not_taken),
        cmocka_unit_test(what_is_no_response_is_told),
        cmocka_unit_test(what_is_closed_early_is_told),
        cmocka_unit_test(a_head_has_its_bounds),
        cmocka_unit_test(a_request_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
