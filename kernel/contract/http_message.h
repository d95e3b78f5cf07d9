/*
 * http_message.h: HTTP/1.1 messages that a program sends, read as they come (RFC 9112):
 * the response of its server, or a request of its client. Nothing is allocated; a head
 * becomes fields (abi/event.h), a body's pieces are pointed to where they lie.
 */
#ifndef KERNEL_CONTRACT_HTTP_MESSAGE_H
#define KERNEL_CONTRACT_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/contract/limits.h"

enum http_kind { HTTP_REQUEST, HTTP_RESPONSE };

enum http_state {
    HTTP_START,       /* nothing, or a part of the first line                      */
    HTTP_HEADERS,
    HTTP_BODY_LENGTH, /* `left` bytes of body                                      */
    HTTP_BODY_CHUNK,  /* `left` bytes of this chunk                                */
    HTTP_BODY_CLOSE,  /* until the connection is closed                            */
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_END,
    HTTP_TRAILERS,
    HTTP_DONE,        /* nothing more is taken                                     */
    HTTP_WRONG,       /* `wrong` says what                                         */
};

/* Storage that a message needs while its head is read: a line, and the fields. */
struct http_room {
    char line[HTTP_LINE_BYTES_MAX];
    uint8_t fields[MF_HEAD_BYTES_MAX];
    char target[HTTP_TARGET_BYTES_MAX]; /* of a request */
};

struct http_message {
    struct http_room *room;
    enum http_kind kind;
    enum http_state state;
    bool no_body;        /* of a response: the request was HEAD                    */
    /* Of the head; whole from the first state of the body on. */
    bool head_done;
    uint16_t status;     /* of a response                                          */
    char method[HTTP_METHOD_BYTES_MAX + 1]; /* of a request                        */
    uint32_t target_bytes;
    uint32_t field_bytes, field_count;
    bool old;            /* HTTP/1.0                                               */
    bool close, keep;    /* said by Connection                                     */
    bool chunked, has_length;
    uint64_t length;
    /* Of the way through it. */
    uint64_t at;         /* bytes taken                                            */
    uint64_t left;
    uint64_t body_bytes; /* so far                                                 */
    uint32_t line_bytes, trailer_bytes, interim;
    const char *wrong;   /* HTTP_WRONG: what, for a person                         */
};

struct http_piece {
    const uint8_t *data;
    size_t bytes;
};

/* head: a response to a request whose method is HEAD. */
void http_message_begin(struct http_message *message, enum http_kind kind, bool head,
                        struct http_room *room);

/* Take from these bytes: how many were taken. It stops early at the head's end, behind a
 * piece of the body (which is the last of what was taken), and when done or wrong. */
size_t http_message_take(struct http_message *message, const uint8_t *data, size_t bytes,
                         struct http_piece *piece);

/* How many bytes that come next are certainly body, and neither its last nor too many; and that so many
 * were passed on by somebody else. */
uint64_t http_message_plain(const struct http_message *message);
void http_message_pass(struct http_message *message, uint64_t bytes);

/* No more will come: HTTP_DONE if that is the body's end, else HTTP_WRONG. */
void http_message_end(struct http_message *message);

/* Another message may follow on the connection. */
bool http_message_keeps(const struct http_message *message);

#endif
