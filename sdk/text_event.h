/*
 * text_event.h: an event written by hand. If the text starts with the head of an
 * HTTP/1.1 request (RFC 9112, a line's end may be a bare LF), that is the event's
 * method, path, query and headers, and what follows the empty line its body. Else
 * the whole text is the body of `POST /`.
 */
#ifndef MF_SDK_TEXT_EVENT_H
#define MF_SDK_TEXT_EVENT_H

#include <stddef.h>

#include "sdk/fields.h"

struct text_event {
    struct fields fields; /* in: empty, with data; out: the event's */
    size_t body_offset;   /* out */
    size_t body_bytes;    /* out */
    size_t line;          /* out, on failure: which line, from 1 */
};

/* NULL: done; else what is wrong in line `line`. Reads only text[0 … bytes). */
const char *text_event_parse(const char *text, size_t bytes, struct text_event *event);

#endif
