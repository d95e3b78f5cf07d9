/*
 * test_kernel_contract.c: the contract `http`, and its like, between the node's end of a channel
 * and a program's sockets: events become requests, responses replies, and what a bad server does
 * an error with a reason. The test is the node, and the program.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/boot.h"
#include "abi/program.h"
#include "kernel/contract/parts.h"
#include "kernel/core/boot.h"
#include "kernel/core/fault.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/user.h"
#include "kernel/event/event.h"
#include "kernel/event/wire.h"
#include "kernel/socket/socket.h"
#include "kernel/task/wait.h"
#include "node/instance/channel.h"
#include "node/instance/event.h"

#define PORT 8080

static struct channel node;
static int memfd = -1;
static void *guest;
static struct mf_boot *boot;
static const char *warm_up;
static size_t heap_bytes;
static jmp_buf end;
static struct socket *listener;

static struct got {
    unsigned replies, errors, ends, logs;
    uint64_t status, error_arg, log_id;
    uint32_t head_bytes;
    size_t bytes;
    char error[MF_ERROR_BYTES_MAX + 1], log[256];
    uint8_t head[MF_HEAD_BYTES_MAX], body[MF_BODY_BYTES_MAX + 1];
} got;

static uint8_t body[MF_BODY_BYTES_MAX];
static char request[MF_BODY_BYTES_MAX + 70000];
static size_t request_bytes;

_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line);
_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

_Noreturn void hypercall_halt(void)
{
    longjmp(end, 1);
}

_Noreturn void fault_words(enum mf_cause cause, const char *words)
{
    print_error("%s (%d)\n", words, (int)cause);
    abort();
}

void hypercall_ring(void)
{
}

void hypercall_clock(uint64_t *monotonic, uint64_t *realtime)
{
    *monotonic = 5;
    *realtime = 7000000;
}

static void take_all(void);

uint32_t hypercall_wait(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    (void)deadline_ns;
    (void)idle;
    take_all(); /* the guest waits for room */
    return seen;
}

void freeze_here(void);
void freeze_here(void)
{
}

int64_t event_await(void);
int64_t event_await(void)
{
    return 0;
}

const char *boot_environment(const char *name)
{
    return strcmp(name, MF_ENV_PORT) == 0      ? "8080"
           : strcmp(name, "MAYFLY_FUNCTION") == 0 ? "na\"me"
           : strcmp(name, MF_ENV_WARM_UP) == 0 ? warm_up
                                               : NULL;
}

void *heap_take(size_t bytes)
{
    heap_bytes += bytes;
    return calloc(1, bytes);
}

void heap_give(void *at, size_t bytes)
{
    heap_bytes -= at ? bytes : 0;
    free(at);
}

uint32_t wait_wake(struct wait_queue *queue, uint32_t most)
{
    (void)queue;
    return most;
}

int64_t wait_for(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue;
    (void)deadline_ns;
    return WAIT;
}

bool user_range(uint64_t address, uint64_t bytes)
{
    (void)address;
    (void)bytes;
    return true;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
    memcpy(to, (const void *)from, bytes);
    return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
    memcpy((void *)to, from, bytes);
    return 0;
}

/* The node. */

static void take_all(void)
{
    static uint8_t scratch[MF_CHUNK_BYTES_MAX];
    struct channel_message message;
    mf_err err;
    while ((err = channel_take(&node, scratch, &message, NULL)) == MF_OK) {
        uint32_t part = message.data_bytes - message.head_bytes;
        if (message.type == MF_MSG_LOG) {
            (void)snprintf(got.log, sizeof got.log, "%.*s", (int)part, (const char *)message.data);
            got.log_id = message.id;
            got.logs++;
            continue;
        }
        got.ends += message.end;
        if (message.type == MF_MSG_ERROR) {
            memcpy(got.error, message.data, part);
            got.error[part] = 0;
            got.error_arg = message.arg;
            got.errors++;
            continue;
        }
        if (message.type == MF_MSG_REPLY) {
            got.replies++;
            got.status = message.arg;
            got.bytes = 0;
            got.head_bytes = message.head_bytes;
            memcpy(got.head, message.data, message.head_bytes);
        }
        assert_true(part < sizeof got.body - got.bytes);
        memcpy(got.body + got.bytes, message.data + message.head_bytes, part);
        got.bytes += part;
        got.body[got.bytes] = 0;
    }
    assert_int_equal(err, MF_EAGAIN);
}

static struct {
    uint64_t id;
    size_t bytes, sent;
    uint8_t fields[512];
    uint32_t field_bytes;
} event;

/* As much of the event as the channel has room for. */
static void push(void)
{
    while (event.id && (event.sent < event.bytes || event.field_bytes)) {
        uint32_t room = channel_room(&node, event.field_bytes);
        size_t left = event.bytes - event.sent;
        uint32_t part = left < room ? (uint32_t)left : room;
        if (part > MF_CHUNK_BYTES_MAX - event.field_bytes)
            part = MF_CHUNK_BYTES_MAX - event.field_bytes;
        struct mf_desc desc = {.id = event.id,
                               .type = event.field_bytes ? MF_MSG_INVOKE : MF_MSG_BODY,
                               .flags = part == left ? MF_MSG_END : 0,
                               .head_bytes = event.field_bytes,
                               .data_bytes = event.field_bytes + part};
        desc.arg = event.field_bytes ? 0 : left - part;
        if ((part == 0 && left) ||
            channel_put(&node, &desc, event.fields, body + event.sent) != MF_OK)
            return;
        event.sent += part;
        event.field_bytes = 0;
    }
}

static void invoke(const char *method, size_t bytes)
{
    struct field_writer writer;
    static uint64_t last_id;
    memset(&got, 0, offsetof(struct got, body));
    request_bytes = 0;
    event.id = ++last_id;
    event.bytes = bytes;
    event.sent = 0;
    field_writer_init(&writer, event.fields, sizeof event.fields);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, method, strlen(method));
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/path", 5);
    field_put(&writer, MF_FIELD_HEADER, "host", 4, "h", 1);
    assert_int_equal(writer.err, MF_OK);
    event.field_bytes = writer.bytes;
    push();
}

static bool turn(void)
{
    bool any = false;
    do {
        push();
        any |= contract_http.turn(); /* openwhisk has the same */
        take_all();
    } while (event.sent < event.bytes && channel_room(&node, 0) > 0 && contract_http.turn());
    return any;
}

static void send_message(enum mf_message type, uint64_t id)
{
    struct mf_desc desc = {.id = id, .type = (uint16_t)type};
    assert_int_equal(channel_put(&node, &desc, NULL, NULL), MF_OK);
}

/* The program. */

static void listens(void)
{
    struct address any = address_any(FAMILY_INET);
    any.port = PORT;
    assert_int_equal(socket_create(FAMILY_INET, SOCKET_STREAM, 0, 0, &listener), 0);
    assert_int_equal(socket_bind(listener, &any), 0);
    assert_int_equal(socket_listen(listener, 10), 0);
}

static struct socket *accepts(void)
{
    struct socket *server;
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    return server;
}

/* Adds what is there of the request. */
static int64_t reads(struct socket *server)
{
    struct io io;
    uint32_t flags = 0;
    io_kernel(&io, request + request_bytes, sizeof request - 1 - request_bytes);
    int64_t bytes = socket_receive(server, &io, &flags, NULL);
    if (bytes > 0)
        request_bytes += (size_t)bytes;
    request[request_bytes] = 0;
    return bytes;
}

static int64_t writes_bytes(struct socket *server, const void *data, size_t bytes)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)data, bytes);
    return socket_send(server, &io, NULL);
}

static void writes(struct socket *server, const char *text)
{
    assert_int_equal(writes_bytes(server, text, strlen(text)), strlen(text));
}

static void closes(struct socket *server)
{
    file_put(&server->file);
}

static int start(void **state)
{
    (void)state;
    memfd = memfd_create("channel", MFD_CLOEXEC);
    assert_int_equal(ftruncate(memfd, MF_CHANNEL_BYTES), 0);
    assert_int_equal(channel_open(memfd, &node), MF_OK);
    guest = mmap(NULL, MF_CHANNEL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    assert_ptr_not_equal(guest, MAP_FAILED);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 17 + (i >> 9));
    event_start((uint64_t)(uintptr_t)guest, 0);
    event.id = 0;
    event.bytes = event.sent = 0;
    warm_up = NULL;
    boot->flags = 0;
    contract_http.start();
    return 0;
}

/* Whatever the contract holds is let go: the next event finds its connection closed. */
static int stop(void **state)
{
    (void)state;
    if (listener)
        closes(listener);
    listener = NULL;
    channel_close(&node);
    munmap(guest, MF_CHANNEL_BYTES);
    close(memfd);
    return 0;
}

#define OK_LINE "HTTP/1.1 200 OK\r\n"

static void an_event_is_a_request_and_its_response_the_reply(void **state)
{
    (void)state;
    listens();
    invoke("POST", 5);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
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
    listens();
    invoke("GET", 0);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
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
    listens();
    invoke("GET", 0);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
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

static void an_answer_before_the_bodys_end_is_enough(void **state)
{
    (void)state;
    listens();
    invoke("POST", MF_BODY_BYTES_MAX);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
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
    listens();
    invoke("GET", 0);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
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
    listens();
    invoke("GET", 0);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
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
    listens();
    invoke("GET", 0);
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
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
    assert_int_equal(socket_receive(server, &io, &flags, NULL), 10);
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

static void an_openwhisk_action_is_initialised_then_run(void **state)
{
    (void)state;
    contract_openwhisk.start();
    invoke("POST", 3);
    (void)turn();
    listens();
    assert_true(turn());
    struct socket *server = accepts();
    assert_true(reads(server) > 0);
    assert_memory_equal(request, "POST /init HTTP/1.1\r\n", 21);
    assert_non_null(strstr(request, "\r\n\r\n{\"value\":{\"name\":\"name\",\"main\":\"main\""));
    assert_false(contract_openwhisk.may_freeze());
    request_bytes = 0;
    writes(server, OK_LINE "Content-Length: 2\r\n\r\n{}");
    assert_true(turn());
    assert_true(reads(server) > 0);
    static const char run[] = "{\"activation_id\":\"\",\"action_name\":\"/_/name\",\"namespace\":\"_\","
                              "\"deadline\":\"7\",\"value\":";
    char expected[512];
    int bytes = snprintf(expected, sizeof expected,
                         "POST /run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                         "content-length: %zu\r\n\r\n%s",
                         sizeof run - 1 + 3 + 1, run);
    assert_int_equal(request_bytes, bytes + 4);
    assert_memory_equal(request, expected, (size_t)bytes);
    assert_memory_equal(request + bytes, body, 3);
    assert_int_equal(request[request_bytes - 1], '}');
    writes(server, OK_LINE "Content-Length: 4\r\n\r\n[1]\n");
    assert_true(turn());
    assert_string_equal((char *)got.body, "[1]\n");
    assert_true(contract_openwhisk.may_freeze());
    invoke("POST", 0);
    assert_true(turn());
    assert_true(reads(server) > 0);
    assert_memory_equal(request + request_bytes - 11, "\"value\":{}}", 11);
    writes(server, OK_LINE "Content-Length: 0\r\n\r\n");
    assert_true(turn());
    assert_int_equal(got.ends, 1);
    closes(server);
}

#define LAMBDA "/2018-06-01/runtime/"

static void lambda_turn(void)
{
    push();
    (void)contract_lambda.turn();
    take_all();
}

static struct socket *lambda_client(void)
{
    struct socket *client;
    const struct address address = address_loopback(FAMILY_INET, MF_LAMBDA_PORT);
    assert_int_equal(socket_create(FAMILY_INET, SOCKET_STREAM, 0, 0, &client), 0);
    assert_int_equal(socket_connect(client, &address), 0);
    return client;
}

/* All that is there. */
static const char *answer_to(struct socket *client)
{
    request_bytes = 0;
    while (reads(client) > 0)
        ;
    return request;
}

static void asks_for_the_next(struct socket *client)
{
    writes(client, "GET " LAMBDA "invocation/next HTTP/1.1\r\n\r\n");
    lambda_turn();
}

static void responds(struct socket *client, const char *beginning)
{
    char head[200];
    (void)snprintf(head, sizeof head,
                   "POST " LAMBDA "invocation/%u/response HTTP/1.1\r\nContent-Length: 4\r\n\r\n%s",
                   (unsigned)event.id, beginning);
    writes(client, head);
    lambda_turn();
}

static void a_lambda_answers_the_event_that_it_names(void **state)
{
    (void)state;
    contract_lambda.start();
    struct socket *first = lambda_client(), *second = lambda_client(), *third = lambda_client();
    asks_for_the_next(first); /* the rest of a cancelled event's response */
    invoke("POST", 3);
    lambda_turn();
    assert_non_null(strstr(answer_to(first), "200 OK"));
    responds(first, "ol");
    send_message(MF_MSG_CANCEL, event.id);
    lambda_turn();
    assert_int_equal(got.errors, 1);
    asks_for_the_next(second);
    invoke("POST", 3);
    lambda_turn();
    assert_non_null(strstr(answer_to(second), "200 OK"));
    responds(second, "ne");
    writes(first, "d.");
    lambda_turn();
    assert_non_null(strstr(answer_to(first), "400 Bad"));
    assert_int_equal(got.ends, 0);
    writes(second, "w");
    writes(first, "POST " LAMBDA "init/error HTTP/1.1\r\nContent-Length: 3\r\n\r\nbad");
    lambda_turn(); /* the log does not come into it */
    writes(second, ".");
    lambda_turn();
    assert_int_equal(got.ends, 1);
    assert_string_equal((char *)got.body, "new.");
    assert_string_equal(got.log, "bad");
    (void)answer_to(second);

    asks_for_the_next(first); /* who has waited for longest is not there any more */
    asks_for_the_next(second);
    asks_for_the_next(third);
    closes(first);
    invoke("POST", 3);
    lambda_turn();
    assert_null(strstr(answer_to(third), "200 OK"));
    assert_non_null(strstr(answer_to(second), "200 OK"));
    responds(second, "last");
    assert_int_equal(got.ends, 1);
    assert_string_equal((char *)got.body, "last");
    closes(second);
    closes(third);
}

static void a_drain_halts_it(void **state)
{
    (void)state;
    send_message(MF_MSG_DRAIN, 0);
    if (setjmp(end) == 0) {
        (void)turn();
        fail();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_is_a_request_and_its_response_the_reply, start, stop),
        cmocka_unit_test_setup_teardown(one_connection_serves_event_after_event, start, stop),
        cmocka_unit_test_setup_teardown(a_connection_closed_meanwhile_is_opened_anew, start, stop),
        cmocka_unit_test_setup_teardown(what_nobody_read_is_sent_again, start, stop),
        cmocka_unit_test_setup_teardown(what_was_read_is_not_sent_again, start, stop),
        cmocka_unit_test_setup_teardown(large_bodies_go_through, start, stop),
        cmocka_unit_test_setup_teardown(an_answer_before_the_bodys_end_is_enough, start, stop),
        cmocka_unit_test_setup_teardown(an_event_waits_until_somebody_listens, start, stop),
        cmocka_unit_test_setup_teardown(what_is_no_response_is_a_bad_answer, start, stop),
        cmocka_unit_test_setup_teardown(a_cancelled_event_closes_its_connection, start, stop),
        cmocka_unit_test_setup_teardown(what_comes_behind_a_response_ends_the_connection, start, stop),
        cmocka_unit_test_setup_teardown(what_comes_between_events_is_nobodys_reply, start, stop),
        cmocka_unit_test_setup_teardown(a_request_that_was_not_read_ends_the_connection, start, stop),
        cmocka_unit_test_setup_teardown(a_warm_up_comes_before_the_freeze, start, stop),
        cmocka_unit_test_setup_teardown(an_openwhisk_action_is_initialised_then_run, start, stop),
        cmocka_unit_test_setup_teardown(a_lambda_answers_the_event_that_it_names, start, stop),
        cmocka_unit_test_setup_teardown(a_drain_halts_it, start, stop),
    };
    void *at = (void *)(uintptr_t)MF_BOOT_BASE;
    boot = mmap(at, MF_PAGE_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (boot != at) {
        print_message("skipped: the boot page's address cannot be mapped here\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
