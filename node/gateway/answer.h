/*
 * answer.h: responses: a function's reply, or an error as JSON. Loop thread only.
 */
#ifndef MF_NODE_GATEWAY_ANSWER_H
#define MF_NODE_GATEWAY_ANSWER_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdint.h>

#include "node/instance/event.h"
#include "node/pool/call.h"

/* What an error answer tells besides its outcome. */
struct error_place {
    const char *function;    /* NULL: none */
    size_t function_bytes;
    const char *call_id;     /* NULL: none */
};

/* A response with headers and body as the reply says. NULL: no memory. */
struct MHD_Response *answer_reply(const struct outcome *outcome);

/* One header of a reply, unless it is the connection's or ours. False: no memory. */
bool answer_header(struct MHD_Response *response, const struct field *field);

/* {"error":{"code","message","function","cause","call","log":{…}}}. NULL: no memory. */
struct MHD_Response *answer_error(const struct outcome *outcome, const struct error_place *place);

/* A JSON or plain text body, copied. NULL: no memory. */
struct MHD_Response *answer_text(const char *type, const void *body, size_t bytes);

/* Text of a guest or client as a JSON string, made harmless: what is not UTF-8, and control
 * characters, become \xNN. NULL: no memory. */
json_t *answer_words(const char *text, size_t bytes);

/* No body may follow such a status (RFC 9110, 6.4.1). */
bool status_has_body(uint32_t status);

#endif
