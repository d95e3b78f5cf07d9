/*
 * http.c: the contracts `http` and `openwhisk`: the program is a server of HTTP/1.1 on a port;
 * each event is a request, its response the reply. One event at a time.
 *
 *   FREE ──▶ ASKS ──▶ FREE      an event's response has come, or cannot come
 *     └────▶ WARMS ─▶ FREE      a request of our own: before the freeze, or /init
 *
 * Guarantees: a request is sent again only if the program closed a connection that had been
 * used before without having read a byte of it; a connection is used again only if both
 * messages on it were whole. A response that cannot be passed on is an error that says why.
 * Leaves to others: events (exchange.c), bytes (kernel/socket/), deadlines (the node).
 * Owns the connection.
 */
#include <asm/errno.h>

#include "abi/boot.h"
#include "abi/channel.h"
#include "abi/program.h"
#include "kernel/contract/contract.h"
#include "kernel/contract/exchange.h"
#include "kernel/contract/http_message.h"
#include "kernel/contract/http_request.h"
#include "kernel/contract/limits.h"
#include "kernel/contract/openwhisk.h"
#include "kernel/contract/parts.h"
#include "kernel/core/boot.h"
#include "kernel/core/bss.h"
#include "kernel/core/string.h"
#include "kernel/core/text.h"
#include "kernel/event/event.h"
#include "kernel/event/output.h"
#include "kernel/socket/socket.h"

#define PORT_DEFAULT 8080u
#define WARM_STATUS_BAD 400u
#define AT_ONCE_BYTES_MIN 8192u /* of a body, that go past the connection's buffer */

enum doing { FREE, ASKS, WARMS };

static struct {
    enum doing doing;
    bool openwhisk;
    uint16_t port;
    bool warm;               /* it is, or need not be                     */
    bool told_waiting;       /* that nobody listens, for this event       */
    struct socket *connection;
    bool used;               /* the connection was, before this request   */
    uint64_t read_before;    /* by the program from it, before it         */
    uint32_t head_bytes, head_at;
    uint64_t body_bytes, body_left; /* of the event's body; not sent yet  */
    uint32_t tail_bytes, tail_left; /* what follows it                    */
    bool replied;
    bool told_more;          /* that there was more behind a response     */
    struct http_message response;
} now;

static struct http_room room BSS_LARGE;
static uint8_t head[HTTP_REQUEST_BYTES_MAX] BSS_LARGE;

static bool begin(void);
static bool step(void);
static void warm(void);
static void tell_waiting(void);
static bool connect(void);
static int64_t take_at_once(struct io *io);
static bool send(void);
static bool receive(void);
static void take(const uint8_t *data, uint32_t bytes);
static void ended(void);
static void done(void);
static void fail(const char *what);
static void tell(const char *words, uint64_t number);
static void disconnect(void);

static void start(void)
{
    const char *text = boot_environment(MF_ENV_PORT);
    uint32_t port = 0;
    for (; text && *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = port * 10 + (uint32_t)(*text - '0');
    now.port = port && port <= UINT16_MAX ? (uint16_t)port : PORT_DEFAULT;
    now.openwhisk = false;
    now.warm = !boot_environment(MF_ENV_WARM_UP) || !(boot_page()->flags & MF_BOOT_FREEZE);
}

static void start_openwhisk(void)
{
    start();
    now.openwhisk = true;
    now.warm = false; /* always: there is no /run before /init */
}

static bool turn(void)
{
    bool moved = false;
    while (now.doing != FREE || begin()) {
        if (!step())
            break;
        moved = true;
    }
    if (now.doing == ASKS)
        exchange_flush();
    return moved;
}

/* Ready when somebody listens; first, perhaps, a request to get warm. */
static bool may_freeze(void)
{
    bool listens = socket_listens_at(now.port);
    if (!listens && now.doing == FREE && now.openwhisk && event_is_owed())
        tell_waiting();
    if (now.doing == ASKS && !now.connection)
        tell_waiting();
    if (now.doing != FREE || !listens)
        return false;
    if (!now.warm)
        warm();
    return now.doing == FREE;
}

/* Our own request. */
static void warm(void)
{
    struct text request = {.bytes = 0};
    if (now.openwhisk) {
        now.head_bytes = openwhisk_init(head);
    } else {
        const char *path = boot_environment(MF_ENV_WARM_UP);
        text_add(&request, " HTTP/1.1\r\nhost: localhost\r\nuser-agent: mayfly-warm-up\r\n\r\n");
        size_t bytes = strlen(path);
        if (bytes > WARM_UP_BYTES_MAX)
            bytes = WARM_UP_BYTES_MAX;
        memcpy(head, "GET ", 4);
        memcpy(head + 4, path, bytes);
        memcpy(head + 4 + bytes, request.data, request.bytes);
        now.head_bytes = (uint32_t)(4 + bytes + request.bytes);
    }
    now.head_at = 0;
    now.body_bytes = now.body_left = now.tail_bytes = now.tail_left = 0;
    now.doing = WARMS;
    now.warm = true;
    http_message_begin(&now.response, HTTP_RESPONSE, false, &room);
}

/* Bytes of the program's that nobody has taken yet? */
static bool has_more(void)
{
    uint32_t bytes;
    (void)socket_oldest(now.connection, &bytes);
    return bytes > 0;
}

/* The next event's request. */
static bool begin(void)
{
    struct exchange_event event;
    struct http_request request = {.host = "localhost"};
    if (now.openwhisk && !now.warm) {
        if (socket_listens_at(now.port))
            warm();
        return now.doing == WARMS;
    }
    if (!exchange_begin(&event))
        return false;
    if (now.connection && (now.connection->finished || has_more()))
        disconnect(); /* closed meanwhile, or what came answers nothing that was asked */
    request.body_bytes = event.body_bytes;
    int64_t bytes =
        now.openwhisk
            ? openwhisk_run(&event, head)
            : http_request_head(&request, event.fields, event.field_bytes, head, sizeof head);
    bool tail = now.openwhisk && event.body_bytes;
    now.tail_bytes = now.tail_left = tail ? sizeof OPENWHISK_TAIL - 1 : 0;
    now.doing = ASKS;
    now.told_waiting = now.replied = false;
    if (bytes < 0) {
        fail("the event is no request for a server of HTTP");
        return true;
    }
    now.head_bytes = (uint32_t)bytes;
    now.head_at = 0;
    now.body_bytes = now.body_left = event.body_bytes;
    http_message_begin(&now.response, HTTP_RESPONSE, request.head, &room);
    return true;
}

/* As far as it goes. False: no further now. */
static bool step(void)
{
    if (now.doing == FREE)
        return true;
    if (now.doing == ASKS && exchange_cancelled()) {
        disconnect();
        exchange_fail(MF_ERROR_HANDLER, "cancelled");
        now.doing = FREE;
        return true;
    }
    if (!now.connection && !connect())
        return false;
    bool moved = send();
    return receive() || moved;
}

/* Every thread waits, and nobody listens. */
static void tell_waiting(void)
{
    struct text line = {.bytes = 0};
    if (now.told_waiting || socket_listens_at(now.port))
        return;
    now.told_waiting = true;
    text_add(&line, "an event waits: the program does not listen on port ");
    text_decimal(&line, now.port);
    text_add(&line, " yet");
    output_kernel(MF_LOG_INFO, line.data, line.bytes);
}

static bool connect(void)
{
    if (!socket_listens_at(now.port))
        return false;
    if (socket_open_to(now.port, &now.connection) != 0) {
        now.connection = NULL; /* as many wait to be accepted as may */
        return false;
    }
    now.connection->take = take_at_once;
    now.used = false;
    now.read_before = 0;
    return true;
}

/* Of a large body: from where the program has it into the channel, a message at a time. Its end goes the
 * usual way, so that a response ends in one place. */
static int64_t take_at_once(struct io *io)
{
    if (io->bytes < AT_ONCE_BYTES_MIN || now.doing != ASKS || exchange_cancelled())
        return 0;
    (void)receive(); /* the response's head, say */
    if (!now.connection || has_more())
        return 0;
    uint64_t bytes = now.doing == ASKS && now.replied ? http_message_plain(&now.response) : 0;
    if (bytes > io->bytes)
        bytes = io->bytes;
    if (bytes > MF_CHUNK_BYTES_MAX)
        bytes = MF_CHUNK_BYTES_MAX;
    if (bytes < AT_ONCE_BYTES_MIN)
        return 0;
    bytes = exchange_put_io(io, bytes);
    http_message_pass(&now.response, bytes);
    return bytes ? (int64_t)bytes : -EFAULT;
}

/* Has the program read anything of this request? */
static bool was_read(void)
{
    return socket_peer_read(now.connection) > now.read_before;
}

static bool put(const uint8_t *data, uint32_t bytes, uint32_t *sent)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)data, bytes);
    int64_t result = bytes ? socket_send(now.connection, &io, NULL, NULL) : 0;
    *sent = result > 0 ? (uint32_t)result : 0;
    return *sent > 0;
}

static bool send(void)
{
    bool moved = false;
    uint32_t sent;
    while (now.head_at < now.head_bytes &&
           put(head + now.head_at, now.head_bytes - now.head_at, &sent)) {
        now.head_at += sent;
        moved = true;
    }
    while (now.head_at == now.head_bytes && now.body_left) {
        const uint8_t *data;
        uint32_t bytes = exchange_body(&data);
        if (bytes == 0 && was_read()) { /* it will not be sent again */
            exchange_body_let_go();
            bytes = exchange_body(&data);
        }
        if (bytes > now.body_left)
            bytes = (uint32_t)now.body_left;
        if (!put(data, bytes, &sent))
            break;
        exchange_body_use(sent);
        now.body_left -= sent;
        moved = true;
    }
    if (now.head_at == now.head_bytes && !now.body_left && now.tail_left &&
        put((const uint8_t *)OPENWHISK_TAIL, now.tail_left, &sent)) {
        now.tail_left -= sent;
        moved = true;
    }
    return moved;
}

static bool receive(void)
{
    bool moved = false;
    while (now.doing != FREE && now.connection) {
        uint32_t bytes;
        const uint8_t *data = socket_oldest(now.connection, &bytes);
        bool early = now.used && now.response.at == 0 && !was_read();
        if (bytes && !early)
            take(data, bytes);
        else if (bytes || now.connection->finished)
            ended(); /* what came before the request was read is no answer to it */
        else
            break;
        moved = true;
    }
    return moved;
}

static void take(const uint8_t *data, uint32_t bytes)
{
    struct http_piece piece;
    size_t taken = http_message_take(&now.response, data, bytes, &piece);
    if (now.doing == ASKS && now.response.state != HTTP_WRONG) {
        if (now.response.head_done && !now.replied) {
            exchange_reply(now.response.status, room.fields, now.response.field_bytes);
            now.replied = true;
        }
        exchange_put(piece.data, piece.bytes);
    }
    socket_drop(now.connection, (uint32_t)taken);
    if (now.response.state == HTTP_DONE)
        done();
    else if (now.response.state == HTTP_WRONG)
        fail(now.response.wrong);
}

/* The connection is closed: the response's end, or the reason to ask once more. */
static void ended(void)
{
    if (now.used && now.response.at == 0 && !was_read()) {
        disconnect();
        now.head_at = 0;
        now.body_left = now.body_bytes;
        now.tail_left = now.tail_bytes;
        if (now.doing == ASKS)
            exchange_body_again();
        return;
    }
    http_message_end(&now.response);
    if (now.response.state == HTTP_DONE)
        done();
    else
        fail(now.response.wrong);
}

static void done(void)
{
    /* A request that was not read to its end would be the beginning of the next one. */
    uint64_t asked = now.read_before + now.head_bytes + now.body_bytes + now.tail_bytes;
    bool whole = socket_peer_read(now.connection) == asked;
    uint32_t more;
    (void)socket_oldest(now.connection, &more);
    if (now.doing == ASKS)
        exchange_end();
    else if (now.response.status >= WARM_STATUS_BAD)
        tell(now.openwhisk ? "/init was answered with status "
                           : "the warm-up request was answered with status ",
             now.response.status);
    if (more && !now.told_more) {
        now.told_more = true;
        tell("the program wrote more than its response; bytes left over: ", more);
    }
    if (more || !whole || now.connection->finished || !http_message_keeps(&now.response))
        disconnect();
    now.read_before = asked;
    now.used = true;
    now.doing = FREE;
}

/* In the place of the response, or of its rest. */
static void fail(const char *what)
{
    struct text line = {.bytes = 0};
    text_add(&line, now.doing == WARMS ? "the response to the request that comes first, on port "
                                       : "the program's response, on port ");
    text_decimal(&line, now.port);
    text_add(&line, ", cannot be passed on: ");
    text_add(&line, what);
    text_add(&line, "; after ");
    text_decimal(&line, now.response.at);
    text_add(&line, " bytes");
    disconnect();
    if (now.doing == WARMS)
        output_kernel(MF_LOG_WARN, line.data, line.bytes);
    else
        exchange_fail(MF_ERROR_ANSWER, text_string(&line));
    now.doing = FREE;
}

static void tell(const char *words, uint64_t number)
{
    struct text line = {.bytes = 0};
    text_add(&line, words);
    text_decimal(&line, number);
    output_kernel(MF_LOG_WARN, line.data, line.bytes);
}

static void disconnect(void)
{
    if (now.connection)
        file_put(&now.connection->file);
    now.connection = NULL;
}

const struct contract contract_http = {
    .name = MF_CONTRACT_HTTP, .start = start, .turn = turn, .may_freeze = may_freeze};
const struct contract contract_openwhisk = {
    .name = MF_CONTRACT_OPENWHISK, .start = start_openwhisk, .turn = turn, .may_freeze = may_freeze};
