/*
 * lambda.c: the contract `lambda`: the program is a client of the Lambda Runtime API, version
 * 2018-06-01, whose server this is, on 127.0.0.1:9001. `invocation/next` waits for an event,
 * whose body is the payload ({} if it has none); what the program posts back is the reply. Before
 * the freeze there may be an event of our own (MF_ENV_WARM_UP), whose answer is nobody's.
 *
 *   FREE ──▶ GIVEN ──▶ RUNS ──▶ REPLIES ──▶ FREE
 *            to who asked for the next   while the response comes
 *
 * Guarantees: an event is given once, and answered once, by what names it: the rest of an answer
 * whose event has ended is nobody's. A request that is none of the API's gets an answer that says
 * so, and changes nothing.
 * Leaves to others: events (exchange.c), HTTP's grammar (http_message.c).
 * Owns the listener, and the connections of the program.
 */
#include <stddef.h>

#include "abi/channel.h"
#include "abi/program.h"
#include "kernel/contract/exchange.h"
#include "kernel/contract/http_line.h"
#include "kernel/contract/http_message.h"
#include "kernel/contract/http_request.h"
#include "kernel/contract/limits.h"
#include "kernel/contract/parts.h"
#include "kernel/core/boot.h"
#include "kernel/core/fault.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/string.h"
#include "kernel/core/text.h"
#include "kernel/event/output.h"
#include "kernel/socket/socket.h"

#define API "/2018-06-01/runtime/"
#define NS_PER_MS 1000000ull

enum request { NO_REQUEST, NEXT, RESPONSE, ERROR, INIT_ERROR, STRANGE, STALE };

struct client {
    struct client *next;
    struct socket *socket;
    uint64_t waits; /* for the next event: its place in the queue; 0: it does not */
    enum request request;
    struct http_message message;
    uint32_t text_bytes;
    char text[MF_ERROR_BYTES_MAX]; /* of an error */
    struct http_room room;
};

static struct {
    enum { FREE, GIVEN, RUNS, REPLIES } doing;
    struct socket *listener;
    struct client *clients;
    uint32_t count;
    struct client *given_to;
    uint64_t last_place;
    uint64_t body_left;
    bool warm;  /* it is, or need not be                       */
    bool warms; /* the event is our own, before the freeze     */
    char id[LAMBDA_ID_BYTES_MAX + sizeof "-18446744073709551615"];
} now;

static bool accept_one(void);
static bool give(void);
static bool give_body(void);
static void give_warm_up(struct client *client);
static bool step(struct client *client);
static void route(struct client *client);
static void take_piece(struct client *client, const struct http_piece *piece);
static void finish(struct client *client);
static void drop(struct client *client);
static void end_event(void);
static void fail(uint64_t error, const char *message);

static void start(void)
{
    const struct address address = address_loopback(FAMILY_INET, MF_LAMBDA_PORT);
    if (socket_create(FAMILY_INET, SOCKET_STREAM, 0, 0, &now.listener) != 0 ||
        socket_bind(now.listener, &address) != 0 ||
        socket_listen(now.listener, LAMBDA_CLIENTS_MAX) != 0)
        fault_words(MF_CAUSE_NO_MEMORY, "no memory for the Lambda Runtime API");
    now.warm = !boot_environment(MF_ENV_WARM_UP) || !(boot_page()->flags & MF_BOOT_FREEZE);
}

static bool turn(void)
{
    bool moved = false;
    if (now.doing != FREE && !now.warms && exchange_cancelled()) {
        struct client *half = now.given_to; /* it would wait for the rest */
        fail(MF_ERROR_HANDLER, "cancelled");
        if (half)
            drop(half);
        moved = true;
    }
    while (accept_one() || give() || give_body())
        moved = true;
    for (struct client *client = now.clients, *next; client; client = next) {
        next = client->next; /* step() may drop the client */
        moved |= step(client);
    }
    while (give() || give_body())
        moved = true;
    if (now.doing == REPLIES && !now.warms)
        exchange_flush();
    return moved;
}

/* For longest, and is still there. */
static struct client *who_waits(void)
{
    struct client *longest = NULL;
    for (struct client *client = now.clients; client; client = client->next)
        if (client->waits && !client->socket->finished &&
            (!longest || client->waits < longest->waits))
            longest = client;
    return longest;
}

static bool may_freeze(void)
{
    if (now.doing != FREE || !who_waits())
        return false;
    now.warms = !now.warm; /* the next turn gives it */
    return now.warm;
}

static bool accept_one(void)
{
    struct socket *socket;
    if (socket_accept(now.listener, 0, &socket) != 0)
        return false;
    struct client *client =
        now.count < LAMBDA_CLIENTS_MAX ? heap_take(sizeof *client) : NULL;
    if (!client) {
        file_put(&socket->file);
        return true;
    }
    client->socket = socket;
    client->next = now.clients;
    now.clients = client;
    now.count++;
    http_message_begin(&client->message, HTTP_REQUEST, false, &client->room);
    return true;
}

/* All or nothing: what is said is small, and its reader waits for it. */
static void say_bytes(struct client *client, const void *data, uint32_t bytes)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)data, bytes);
    (void)socket_send(client->socket, &io, NULL, NULL);
}

static void say(struct client *client, const struct text *words)
{
    say_bytes(client, words->data, (uint32_t)words->bytes);
}

static void say_header(struct client *client, const char *name, const char *value)
{
    struct text line = {.bytes = 0};
    text_add(&line, name);
    text_add(&line, ": ");
    text_add(&line, value);
    text_add(&line, "\r\n");
    say(client, &line);
}

static void say_number(struct client *client, const char *name, uint64_t value, bool last)
{
    struct text line = {.bytes = 0};
    text_add(&line, name);
    text_add(&line, ": ");
    text_decimal(&line, value);
    text_add(&line, last ? "\r\n\r\n" : "\r\n");
    say(client, &line);
}

/* The call's id, if the event has one, and the event's number: a client may choose the first,
 * and the same one twice. */
static void name_event(const struct exchange_event *event)
{
    struct text number = {.bytes = 0};
    const char *id;
    uint32_t bytes;
    if (http_event_header(event->fields, event->field_bytes, "x-call-id", &id, &bytes) &&
        bytes <= LAMBDA_ID_BYTES_MAX) {
        memcpy(now.id, id, bytes);
        text_add(&number, "-");
    } else {
        bytes = 0;
    }
    text_decimal(&number, event->id);
    memcpy(now.id + bytes, number.data, number.bytes);
    now.id[bytes + number.bytes] = 0;
}

static uint64_t deadline_ms(uint64_t deadline_ns)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    uint64_t left_ns = deadline_ns > monotonic ? deadline_ns - monotonic : 0;
    return (realtime + left_ns) / NS_PER_MS;
}

static void say_event(struct client *client, uint64_t deadline_ns, uint64_t body_bytes)
{
    struct text line = {.bytes = 0};
    const char *name = boot_environment(MF_ENV_FUNCTION);
    text_add(&line, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
    say(client, &line);
    say_header(client, "lambda-runtime-aws-request-id", now.id);
    say_header(client, "lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0");
    line.bytes = 0;
    text_add(&line, "arn:aws:lambda:local:000000000000:function:");
    text_add(&line, name ? name : "function");
    say_header(client, "lambda-runtime-invoked-function-arn", text_string(&line));
    say_number(client, "lambda-runtime-deadline-ms", deadline_ms(deadline_ns), false);
    say_number(client, "content-length", body_bytes, true);
    client->waits = 0;
}

/* The oldest event to who has waited for longest. */
static bool give(void)
{
    static const char nothing[] = "{}";
    struct exchange_event event;
    struct client *client = now.doing == FREE ? who_waits() : NULL;
    if (client && now.warms) {
        give_warm_up(client);
        return true;
    }
    if (!client || !exchange_begin(&event))
        return false;
    name_event(&event);
    say_event(client, event.deadline_ns, event.body_bytes ? event.body_bytes : sizeof nothing - 1);
    if (!event.body_bytes)
        say_bytes(client, nothing, sizeof nothing - 1);
    now.given_to = client;
    now.body_left = event.body_bytes;
    now.doing = GIVEN;
    return true;
}

/* It fits the connection, which is empty. */
static void give_warm_up(struct client *client)
{
    static const char id[] = "warm-up";
    const char *payload = boot_environment(MF_ENV_WARM_UP);
    uint32_t bytes = (uint32_t)strlen(payload);
    uint64_t monotonic, realtime;
    if (bytes > WARM_UP_BYTES_MAX)
        bytes = WARM_UP_BYTES_MAX;
    memcpy(now.id, id, sizeof id);
    hypercall_clock(&monotonic, &realtime);
    say_event(client, monotonic + LAMBDA_WARM_UP_NS, bytes);
    say_bytes(client, payload, bytes);
    now.warm = true;
    now.doing = RUNS;
}

/* True: some of it went. */
static bool give_body(void)
{
    bool moved = false;
    if (now.doing != GIVEN)
        return false;
    while (now.body_left) {
        const uint8_t *data;
        struct io io;
        exchange_body_let_go(); /* it is given once */
        uint32_t bytes = exchange_body(&data);
        io_kernel(&io, (void *)(uintptr_t)data, bytes);
        int64_t sent = bytes ? socket_send(now.given_to->socket, &io, NULL, NULL) : 0;
        if (sent <= 0)
            return moved;
        exchange_body_use((uint32_t)sent);
        now.body_left -= (uint64_t)sent;
        moved = true;
    }
    now.doing = RUNS;
    now.given_to = NULL;
    return true;
}

/* What a client sends, as far as it goes. */
static bool step(struct client *client)
{
    bool moved = false;
    while (!client->waits && now.given_to != client) {
        uint32_t bytes;
        struct http_piece piece;
        const uint8_t *data = socket_oldest(client->socket, &bytes);
        if (!bytes)
            break;
        bool had_head = client->message.head_done;
        size_t taken = http_message_take(&client->message, data, bytes, &piece);
        if (client->message.head_done && !had_head)
            route(client);
        take_piece(client, &piece);
        socket_drop(client->socket, (uint32_t)taken);
        moved = true;
        if (client->message.state < HTTP_DONE)
            continue;
        bool keeps = http_message_keeps(&client->message);
        finish(client);
        if (!keeps && !client->waits) {
            drop(client);
            return true;
        }
    }
    if (client->socket->finished) {
        drop(client);
        return true;
    }
    return moved;
}

static bool begins(struct http_text *text, const char *word)
{
    size_t bytes = strlen(word);
    if (text->bytes < bytes || memcmp(text->text, word, bytes) != 0)
        return false;
    text->text += bytes;
    text->bytes -= bytes;
    return true;
}

/* Which of the API's requests it is; target is what follows it. */
static enum request decode(const struct client *client)
{
    struct http_text target = {client->room.target, client->message.target_bytes};
    struct http_text method = {client->message.method, strlen(client->message.method)};
    bool posts = http_text_is(method, "POST");
    if (!begins(&target, API))
        return STRANGE;
    if (http_text_is(target, "invocation/next"))
        return http_text_is(method, "GET") ? NEXT : STRANGE;
    if (http_text_is(target, "init/error"))
        return posts ? INIT_ERROR : STRANGE;
    if (!posts || !begins(&target, "invocation/"))
        return STRANGE;
    bool is_current = (now.doing == RUNS || now.doing == REPLIES) && begins(&target, now.id);
    while (target.bytes && target.text[0] != '/') {
        is_current = false; /* its beginning was */
        target.text++;
        target.bytes--;
    }
    bool responds = http_text_is(target, "/response");
    if (!responds && !http_text_is(target, "/error"))
        return STRANGE;
    return !is_current || now.doing == REPLIES ? STALE : responds ? RESPONSE : ERROR;
}

/* Its head is whole. */
static void route(struct client *client)
{
    client->text_bytes = 0;
    client->request = decode(client);
    if (client->request != RESPONSE)
        return;
    static const char json[] = "application/json";
    static const char name[] = "content-type";
    uint8_t fields[sizeof(struct mf_field) + sizeof name + LAMBDA_TYPE_BYTES_MAX];
    const char *type;
    uint32_t bytes;
    if (!http_event_header(client->room.fields, client->message.field_bytes, name, &type, &bytes) ||
        bytes > LAMBDA_TYPE_BYTES_MAX) {
        type = json;
        bytes = sizeof json - 1;
    }
    const struct mf_field field = {MF_FIELD_HEADER, sizeof name - 1, bytes};
    memcpy(fields, &field, sizeof field);
    memcpy(fields + sizeof field, name, sizeof name - 1);
    memcpy(fields + sizeof field + sizeof name - 1, type, bytes);
    if (!now.warms)
        exchange_reply(LAMBDA_STATUS, fields, (uint32_t)(sizeof field + sizeof name - 1) + bytes);
    now.doing = REPLIES;
}

static void take_piece(struct client *client, const struct http_piece *piece)
{
    uint32_t room = (uint32_t)sizeof client->text - 1 - client->text_bytes;
    uint32_t bytes = piece->bytes < room ? (uint32_t)piece->bytes : room;
    if (client->request == RESPONSE && now.doing == REPLIES) {
        if (!now.warms)
            exchange_put(piece->data, piece->bytes);
    } else if (client->request == ERROR || client->request == INIT_ERROR) {
        memcpy(client->text + client->text_bytes, piece->data, bytes);
        client->text_bytes += bytes;
    }
}

static void answer(struct client *client, const char *status, const char *body)
{
    struct text line = {.bytes = 0};
    text_add(&line, "HTTP/1.1 ");
    text_add(&line, status);
    text_add(&line, "\r\ncontent-type: application/json\r\n");
    say(client, &line);
    say_number(client, "content-length", strlen(body), true);
    line.bytes = 0;
    text_add(&line, body);
    say(client, &line);
}

/* The whole of a request that is right. */
static void obey(struct client *client)
{
    client->text[client->text_bytes] = 0;
    switch (client->request) {
    case NEXT:
        client->waits = ++now.last_place;
        return;
    case RESPONSE:
        if (now.doing == REPLIES) {
            if (!now.warms)
                exchange_end();
            end_event();
        }
        break;
    case ERROR:
        if (now.doing == RUNS)
            fail(MF_ERROR_HANDLER, client->text);
        break;
    case INIT_ERROR:
        if (!now.warms)
            exchange_flush(); /* another client's response may be half built */
        output_kernel(MF_LOG_ERROR, client->text, client->text_bytes);
        break;
    case STALE:
        answer(client, "400 Bad Request",
               "{\"errorMessage\":\"no such invocation\",\"errorType\":\"InvalidRequestID\"}");
        return;
    default:
        answer(client, "404 Not Found",
               "{\"errorMessage\":\"not of the Lambda Runtime API\",\"errorType\":\"NotFound\"}");
        return;
    }
    answer(client, "202 Accepted", "{\"status\":\"OK\"}");
}

/* It is done, or wrong; another one may follow. */
static void finish(struct client *client)
{
    if (client->message.state == HTTP_DONE) {
        obey(client);
    } else {
        if (client->request == RESPONSE && now.doing == REPLIES)
            fail(MF_ERROR_ANSWER, client->message.wrong);
        answer(client, "400 Bad Request",
               "{\"errorMessage\":\"no HTTP, or too large\",\"errorType\":\"BadRequest\"}");
    }
    client->request = NO_REQUEST;
    http_message_begin(&client->message, HTTP_REQUEST, false, &client->room);
}

/* It is gone, or has to go. */
static void drop(struct client *client)
{
    if (now.doing == REPLIES && client->request == RESPONSE)
        fail(MF_ERROR_ANSWER, "the response's connection was closed before its end");
    else if (now.given_to == client)
        fail(MF_ERROR_ANSWER, "the program closed the connection that it got the event on");
    struct client **at = &now.clients;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    now.count--;
    file_put(&client->socket->file);
    heap_give(client, sizeof *client);
}

/* What is still to come of its answers is nobody's. */
static void end_event(void)
{
    for (struct client *client = now.clients; client; client = client->next)
        if (client->request == RESPONSE || client->request == ERROR)
            client->request = STALE;
    now.doing = FREE;
    now.warms = false;
    now.given_to = NULL;
}

/* The event ends so. */
static void fail(uint64_t error, const char *message)
{
    if (now.warms)
        output_kernel(MF_LOG_WARN, message, (uint32_t)strlen(message));
    else
        exchange_fail(error, message);
    end_event();
}

const struct contract contract_lambda = {
    .name = MF_CONTRACT_LAMBDA, .start = start, .turn = turn, .may_freeze = may_freeze};
