/*
 * http_request.h: an event as the head of an HTTP/1.1 request (RFC 9112).
 * An event of HTTP's keeps its method, path, query and headers; every other (a timer, a
 * topic, a queue) is POST / with its headers, among which are CloudEvents'. Headers of
 * the connection are left out, and the body's length is said anew.
 */
#ifndef KERNEL_CONTRACT_HTTP_REQUEST_H
#define KERNEL_CONTRACT_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request {
    const char *host;    /* where the event names none                             */
    uint64_t body_bytes; /* of the whole body                                      */
    bool head;           /* out: the method is HEAD                                */
};

/* Fields (abi/event.h) to the request's head, its empty line included: bytes written.
 * -EPROTO: no fields of an event; -EINVAL: CONNECT, which is no request for a resource;
 * -E2BIG: more than the room, which HTTP_REQUEST_BYTES_MAX never is. */
int64_t http_request_head(struct http_request *request, const uint8_t *fields,
                          uint32_t field_bytes, uint8_t *to, size_t room);

/* The value of an event's, or a message's, header, the first of that name. */
bool http_event_header(const uint8_t *fields, uint32_t field_bytes, const char *name,
                       const char **value, uint32_t *value_bytes);

/* Of the connection, not of the message (RFC 9110, 7.6.1), or said by the library OS
 * itself. The name is lower case. */
bool http_header_stays(const char *name, size_t bytes);

#endif
