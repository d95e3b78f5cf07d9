/* contract_rig.c: see contract_rig.h. */
#include "contract_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "abi/boot.h"
#include "abi/program.h"
#include "kernel/contract/parts.h"
#include "kernel/core/boot.h"
#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"
#include "kernel/event/event.h"
#include "kernel/event/wire.h"
#include "kernel/socket/socket.h"
#include "node/instance/event.h"

#define PORT 8080

struct mf_boot *boot;
const char *warm_up;
jmp_buf rig_end;
struct socket *listener;

struct got got;

uint8_t body[MF_BODY_BYTES_MAX];
char request[MF_BODY_BYTES_MAX + 70000];
size_t request_bytes;

_Noreturn void hypercall_halt(void)
{
    longjmp(rig_end, 1);
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

/* The node. */

void take_all(void)
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

struct pushed event;

/* As much of the event as the channel has room for. */
void push(void)
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

void invoke(const char *method, size_t bytes)
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

bool turn(void)
{
    bool any = false;
    do {
        push();
        any |= contract_http.turn(); /* openwhisk has the same */
        take_all();
    } while (event.sent < event.bytes && channel_room(&node, 0) > 0 && contract_http.turn());
    return any;
}

void send_message(enum mf_message type, uint64_t id)
{
    struct mf_desc desc = {.id = id, .type = (uint16_t)type};
    assert_int_equal(channel_put(&node, &desc, NULL, NULL), MF_OK);
}

/* The program. */

void listens(void)
{
    struct address any = address_any(FAMILY_INET);
    any.port = PORT;
    assert_int_equal(socket_create(FAMILY_INET, SOCKET_STREAM, 0, 0, &listener), 0);
    assert_int_equal(socket_bind(listener, &any), 0);
    assert_int_equal(socket_listen(listener, 10), 0);
}

struct socket *accepts(void)
{
    struct socket *server;
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    return server;
}

/* Adds what is there of the request. */
int64_t reads(struct socket *server)
{
    struct io io;
    uint32_t flags = 0;
    io_kernel(&io, request + request_bytes, sizeof request - 1 - request_bytes);
    int64_t bytes = socket_receive(server, &io, &flags, NULL, NULL);
    if (bytes > 0)
        request_bytes += (size_t)bytes;
    request[request_bytes] = 0;
    return bytes;
}

int64_t writes_bytes(struct socket *server, const void *data, size_t bytes)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)data, bytes);
    return socket_send(server, &io, NULL, NULL);
}

void writes(struct socket *server, const char *text)
{
    assert_int_equal(writes_bytes(server, text, strlen(text)), strlen(text));
}

void closes(struct socket *server)
{
    file_put(&server->file);
}

int contract_rig_open(void **state)
{
    (void)state;
    channel_ends_open();
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
int contract_rig_close(void **state)
{
    (void)state;
    if (listener)
        closes(listener);
    listener = NULL;
    channel_ends_close();
    return 0;
}

bool contract_rig_boot(void)
{
    void *at = (void *)(uintptr_t)MF_BOOT_BASE;
    boot = mmap(at, MF_PAGE_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (boot != at) {
        print_message("skipped: the boot page's address cannot be mapped here\n");
        return false;
    }
    return true;
}
