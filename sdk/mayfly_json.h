/*
 * mayfly_json.h: read JSON (RFC 8259), strictly: no comments, no trailing commas, no
 * bare words, UTF-8 checked, a depth of 64 at most. Values live in the event's memory
 * (mayfly_alloc) until the handler returns.
 */
#ifndef MAYFLY_JSON_H
#define MAYFLY_JSON_H

#include "mayfly.h"

#define MAYFLY_JSON_DEPTH_MAX 64
#define MAYFLY_JSON_NUMBER_MAX 256 /* characters of one number */

enum mayfly_json_kind {
    MAYFLY_JSON_NULL,
    MAYFLY_JSON_BOOL,
    MAYFLY_JSON_NUMBER,
    MAYFLY_JSON_STRING,
    MAYFLY_JSON_ARRAY,
    MAYFLY_JSON_OBJECT,
};

struct mayfly_json {
    enum mayfly_json_kind kind;
    bool boolean;                    /* of a bool                                       */
    double number;                   /* of a number                                     */
    const char *text;                /* of a string, UTF-8 with a NUL behind; else NULL */
    size_t text_bytes;               /*   without that NUL; \u0000 may stand inside     */
    size_t count;                    /* of an array or object: how many values          */
    const struct mayfly_json *first; /*   the first of them; NULL: empty                */
    const struct mayfly_json *next;  /* in the same array or object; NULL: the last     */
    const char *name;                /* of a member of an object; else NULL             */
    size_t name_bytes;
};

struct mayfly_json_error {
    const char *what; /* "a colon belongs here"                   */
    size_t line;      /* from 1                                   */
    size_t column;    /* from 1, in bytes                         */
};

/* NULL: not JSON, and why, or out of memory. */
const struct mayfly_json *mayfly_json_parse(struct mayfly_event *event, const char *text,
                                            size_t bytes, struct mayfly_json_error *error);

/* A member of an object; the last one, where a name stands twice. NULL: there is none, or
 * value is NULL or no object. */
const struct mayfly_json *mayfly_json_member(const struct mayfly_json *value, const char *name);

/* A member that is a number, a string without a NUL, true or false; else what stands last. */
double mayfly_json_number(const struct mayfly_json *value, const char *name, double otherwise);
const char *mayfly_json_text(const struct mayfly_json *value, const char *name,
                             const char *otherwise);
bool mayfly_json_bool(const struct mayfly_json *value, const char *name, bool otherwise);

/* "an object", "a number", "nothing" (for NULL): for messages. */
const char *mayfly_json_kind_name(const struct mayfly_json *value);

/* Write text into the reply as a JSON string, quotes and escapes included. Bytes that are no
 * UTF-8 become U+FFFD. */
void mayfly_json_write_string(struct mayfly_reply *reply, const char *text);

#endif
