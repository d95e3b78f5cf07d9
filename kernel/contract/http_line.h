/* http_line.h: the lines of an HTTP/1.1 message's head, one by one (RFC 9112). Each
 * without its end; false: it is no such line. No storage of its own. */
#ifndef KERNEL_CONTRACT_HTTP_LINE_H
#define KERNEL_CONTRACT_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_text {
    const char *text;
    size_t bytes;
};

bool http_text_is(struct http_text text, const char *word);
bool http_text_is_any_case(struct http_text text, const char *word);
/* Does the list, parted by commas, have this word, in any case? */
bool http_list_has(struct http_text list, const char *word);
bool http_decimal(struct http_text text, uint64_t *value);

/* old: HTTP/1.0; else 1.1 or a later 1. */
bool http_status_line(struct http_text line, uint16_t *status, bool *old);
bool http_request_line(struct http_text line, struct http_text *method, struct http_text *target,
                       bool *old);
/* The name becomes lower case, in the line's own storage. */
bool http_header_line(struct http_text line, char *storage, struct http_text *name,
                      struct http_text *value);
/* Hexadecimal, and extensions, which mean nothing. */
bool http_chunk_size(struct http_text line, uint64_t *size);

#endif
