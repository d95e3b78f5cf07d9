/*
 * run.h: the pieces of `mayfly run`: events from standard input, replies to
 * standard output. Its own; no other command includes it.
 */
#ifndef MF_CLI_RUN_H
#define MF_CLI_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "abi/event.h"
#include "base/buf.h"
#include "base/err.h"
#include "node/instance/session.h"

/* One event, ready for session_invoke(). */
struct run_event {
    uint8_t head[MF_HEAD_BYTES_MAX];
    uint32_t head_bytes;
    const char *body; /* borrowed from the input, or of json or decoded */
    size_t body_bytes;
    json_t *json;     /* owned; NULL for an event from text */
    struct mf_buf decoded;
};

/* All of a stream, an event's worth at most. */
MF_CHECKED mf_err run_read_all(FILE *stream, struct mf_buf *input, struct mf_why *why);
/* One line without its end. MF_ENOENT: the stream ended. */
MF_CHECKED mf_err run_read_line(FILE *stream, struct mf_buf *line, struct mf_why *why);

/* As sdk/text_event.h reads it, so that a function run by hand and one run here see
 * the same event. */
MF_CHECKED mf_err run_event_from_text(const struct mf_buf *text, struct run_event *event,
                                      struct mf_why *why);
/* {"method", "path", "query", "headers": {…}, "body" or "body_base64"}, or "type" in
 * place of the first three. All may be left out: POST / without a body. */
MF_CHECKED mf_err run_event_from_json(const struct mf_buf *line, struct run_event *event,
                                      struct mf_why *why);
void run_event_close(struct run_event *event);

/* The session's reply: body to standard output, behind status and headers if asked. */
void run_print_reply(const struct session *session, bool with_head);
/* What had come of a reply that failed, or whose instance died. */
void run_print_partial(const struct session *session);
/* The same as one line of JSON; or what became of the event. */
MF_CHECKED mf_err run_print_reply_json(const struct session *session, struct mf_why *why);

#endif
