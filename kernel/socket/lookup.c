/*
 * lookup.c: see lookup.h.
 * Guarantees: nothing is read behind a question's end; each question that is understood is answered
 * once, with at most LOOKUP_BYTES_MAX bytes, if its socket is there still.
 * Leaves to others: names (the node), sockets (datagram.c). Owns the questions that wait.
 */
#include "kernel/socket/lookup.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/event/wire.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/names.h"
#include "kernel/socket/transfer.h"

/* RFC 1035, 4.1 */
#define HEAD_BYTES 12u
#define LOOKUP_BYTES_MAX 512u
#define LABEL_BYTES_MAX 63u
#define TYPE_A 1u
#define TYPE_AAAA 28u
#define CLASS_IN 1u
#define RESPONSE 0x8180u /* QR, RD, RA */
#define NOT_A_QUERY 0xf800u
enum { RCODE_OK, RCODE_FORMAT, RCODE_FAILED, RCODE_NO_NAME, RCODE_UNKNOWN };
#define LIFE_S 30u
#define ANSWER_HEAD_BYTES 12u /* a pointer to the name, type, class, life, length */
#define PORT 53u

struct question {
    struct question *next;
    struct socket *socket;
    struct address server;
    uint32_t id;
    uint16_t type;
    uint32_t bytes; /* of text: head and question */
    uint8_t text[LOOKUP_BYTES_MAX];
};

static struct question *first;
static uint32_t count, last_id;

static const uint8_t host[4] = {198, 18, 0, 1};

static struct address v4(uint16_t port, uint8_t last)
{
    struct address address = address_any(FAMILY_INET);
    memcpy(address.data + 12, host, sizeof host);
    address.data[15] = last;
    address.port = port;
    return address;
}

struct address lookup_host(void)
{
    return v4(0, host[3]);
}

struct address lookup_own(uint16_t family, uint16_t port)
{
    const struct address own = v4(port, 2);
    return address_as(&own, family);
}

static uint32_t number16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

bool lookup_is_at(const struct address *address)
{
    if (address->family == FAMILY_UNIX || address->port != PORT)
        return false;
    return !address_is_local(address) || !name_exists(address);
}

/* Name, with dots and in small letters, type and class of the one question. An RCODE. */
static unsigned parse(struct question *question, char name[MF_NAME_LOOKUP_BYTES_MAX],
                      uint32_t *name_bytes)
{
    const uint8_t *text = question->text;
    uint32_t at = HEAD_BYTES, length = 0;
    if (number16(text + 4) != 1)
        return RCODE_FORMAT;
    for (;;) {
        if (at >= question->bytes || text[at] > LABEL_BYTES_MAX)
            return RCODE_FORMAT;
        uint32_t label = text[at++];
        if (label == 0)
            break;
        const uint32_t dot = length ? 1 : 0;
        if (label > question->bytes - at || length + dot + label > MF_NAME_LOOKUP_BYTES_MAX)
            return RCODE_FORMAT;
        if (dot)
            name[length++] = '.';
        for (uint32_t i = 0; i < label; i++) {
            char letter = (char)text[at + i];
            name[length++] = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
        }
        at += label;
    }
    if (question->bytes - at < 4 || number16(text + at + 2) != CLASS_IN)
        return RCODE_FORMAT;
    question->type = (uint16_t)number16(text + at);
    question->bytes = at + 4; /* what may follow (RFC 6891) is not looked at */
    *name_bytes = length;
    if (question->type != TYPE_A && question->type != TYPE_AAAA)
        return RCODE_UNKNOWN;
    return length ? RCODE_OK : RCODE_NO_NAME;
}

static bool is_loopback(const uint8_t *bytes)
{
    struct address address = address_any(FAMILY_INET6);
    memcpy(address.data, bytes, ADDRESS_INET_BYTES);
    return address_is_local(&address);
}

static void answer(struct question *question, unsigned rcode, const uint8_t *addresses,
                   uint32_t bytes)
{
    uint32_t wanted = question->type == TYPE_A ? 4 : 16, answers = 0, at = question->bytes;
    uint8_t *text = question->text;
    for (; bytes >= 16; bytes -= 16, addresses += 16) {
        if (at + ANSWER_HEAD_BYTES + wanted > LOOKUP_BYTES_MAX)
            break;
        const struct address machine = lookup_host();
        const uint8_t *found = addresses;
        if (is_loopback(addresses)) { /* the node's, not the program's own */
            if (question->type != TYPE_A)
                continue;
            found = machine.data;
        }
        put16(text + at, 0xc000 | HEAD_BYTES);
        put16(text + at + 2, question->type);
        put16(text + at + 4, CLASS_IN);
        put16(text + at + 6, 0);
        put16(text + at + 8, LIFE_S);
        put16(text + at + 10, wanted);
        memcpy(text + at + ANSWER_HEAD_BYTES, found + 16 - wanted, wanted);
        at += ANSWER_HEAD_BYTES + wanted;
        answers++;
    }
    put16(text + 2, RESPONSE | rcode);
    put16(text + 6, answers);
    put16(text + 8, 0);
    put16(text + 10, 0);
    struct io io;
    io_kernel(&io, text, at);
    const struct address from = address_as(&question->server, question->socket->family);
    (void)datagram_deliver(question->socket, &from, &io, NULL); /* lost, as a network loses it */
}

/* To the node. False: no room. */
static bool ask(struct question *question, const char *name, uint32_t bytes)
{
    struct ring_place place;
    if (count == LOOKUPS_MAX || !wire_stream_reserve(bytes, bytes, &place))
        return false;
    question->id = ++last_id ? last_id : ++last_id;
    memcpy(place.data, name, bytes);
    struct mf_desc desc = {.id = question->id,
                           .type = MF_MSG_NAME,
                           .data_bytes = bytes,
                           .arg = question->type == TYPE_A ? 4 : 6};
    wire_stream_publish(&desc, &place);
    wire_ring();
    question->next = first;
    first = question;
    count++;
    return true;
}

int64_t lookup_ask(struct socket *socket, struct io *io, const struct address *server)
{
    char name[MF_NAME_LOOKUP_BYTES_MAX];
    uint32_t name_bytes;
    int64_t whole = (int64_t)io->bytes;
    uint32_t bytes = whole < LOOKUP_BYTES_MAX ? (uint32_t)whole : LOOKUP_BYTES_MAX;
    struct question *question = heap_take(sizeof *question);
    if (!question)
        return -ENOBUFS;
    *question = (struct question){.socket = socket, .server = *server, .bytes = bytes};
    int error = io_get(io, question->text, bytes);
    if (!error)
        error = io_skip(io, io->bytes);
    if (error || bytes < HEAD_BYTES || number16(question->text + 2) & NOT_A_QUERY) {
        heap_give(question, sizeof *question);
        return error ? error : whole;
    }
    unsigned rcode = parse(question, name, &name_bytes);
    static const char here[] = LOOKUP_HOST_NAME;
    if (rcode == RCODE_OK && name_bytes == sizeof here - 1 && memcmp(name, here, name_bytes) == 0) {
        const struct address machine = lookup_host();
        answer(question, RCODE_OK, machine.data, question->type == TYPE_A ? 16 : 0);
    } else if (rcode == RCODE_OK && ask(question, name, name_bytes)) {
        return whole;
    } else if (rcode == RCODE_FORMAT) {
        question->bytes = HEAD_BYTES;
        put16(question->text + 4, 0);
        answer(question, RCODE_FORMAT, NULL, 0);
    } else {
        answer(question, rcode == RCODE_OK ? RCODE_FAILED : rcode, NULL, 0);
    }
    heap_give(question, sizeof *question);
    return whole;
}

void lookup_answered(uint64_t id, enum mf_name how, const uint8_t *addresses, uint32_t bytes)
{
    static const uint8_t rcode[MF_NAME_COUNT] = {
        [MF_NAME_FOUND] = RCODE_OK, [MF_NAME_NONE] = RCODE_NO_NAME, [MF_NAME_FAILED] = RCODE_FAILED};
    for (struct question **at = &first; *at; at = &(*at)->next) {
        struct question *question = *at;
        if (question->id != id)
            continue;
        *at = question->next;
        count--;
        answer(question, rcode[how], addresses, how == MF_NAME_FOUND ? bytes : 0);
        heap_give(question, sizeof *question);
        return;
    }
}

void lookup_forget(const struct socket *socket)
{
    for (struct question **at = &first; *at;) {
        struct question *question = *at;
        if (socket && question->socket != socket) {
            at = &question->next;
            continue;
        }
        *at = question->next;
        count--;
        heap_give(question, sizeof *question);
    }
}

bool lookup_waits(void)
{
    return count > 0;
}

void lookup_cut(void)
{
    lookup_forget(NULL);
}
