/*
 * mayfly.h: write a function for mayfly in C.
 *
 * You write mayfly_handle(). The library's main() calls it for each event; what
 * it replies goes back to the caller. The same program, started by hand outside
 * mayfly, reads one event from standard input and prints its reply: see
 * "Running by hand" in sdk/README.md.
 *
 * One event at a time, one thread: nothing here needs a lock, and nothing here may
 * be called from another thread. All text is NUL-terminated. What the event hands
 * out (strings, body, mayfly_alloc) is valid until the handler returns.
 */
#ifndef MAYFLY_H
#define MAYFLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAYFLY_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

struct mayfly_event; /* what came in */
struct mayfly_reply; /* what goes out */

/* ---- yours ---- */

/* Serve one event. Returning sends the reply: status 200 and no body if nothing was
 * said. */
void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply);

/* Optional: called once, before the first event. Anything but 0 ends the program. */
int mayfly_init(void);

/* Optional: an instance usually goes on from a snapshot that was taken after mayfly_init().
 * This is called then, before its first event: make anew what no two instances may share,
 * such as keys and identifiers drawn at random. The C library's generators (rand, random,
 * drand48) have been seeded anew before; a fixed sequence is to be seeded in the handler.
 * What libraries notice by themselves: sdk/README.md, "Snapshots and randomness". */
void mayfly_restored(void);

/* ---- the event ---- */

/* "http" for a request, else the kind of event, as its trigger names it. */
const char *mayfly_type(const struct mayfly_event *event);

/* Of a request; "" in an event of another type. The path is what follows the
 * function's name, "/" at least, as sent; the query is what follows the question
 * mark, not decoded. */
const char *mayfly_method(const struct mayfly_event *event);
const char *mayfly_path(const struct mayfly_event *event);
const char *mayfly_query(const struct mayfly_event *event);

/* A parameter of the query, decoded (%41 → A, + → space); the first one of that
 * name. NULL: not there. An escape that is none, or that would be a NUL, stays as
 * it is. */
const char *mayfly_parameter(struct mayfly_event *event, const char *name);

/* A header's value; names compare without regard to case. NULL: not there. */
const char *mayfly_header(const struct mayfly_event *event, const char *name);

/* All headers, names in lower case: start with *at = 0; false at the end. */
bool mayfly_each_header(const struct mayfly_event *event, size_t *at, const char **name,
                        const char **value);

/* The body as a whole. A NUL follows it that bytes does not count. If it does not fit
 * into memory it is empty, and the event fails (500) whatever the handler replies. */
struct mayfly_bytes {
    const char *data; /* never NULL */
    size_t bytes;
};
struct mayfly_bytes mayfly_body(struct mayfly_event *event);

/* Or the body in pieces, however large: up to room bytes; 0 at its end. */
size_t mayfly_read(struct mayfly_event *event, void *buffer, size_t room);

/* Milliseconds left to answer; 0: too late; INT64_MAX: no limit. */
int64_t mayfly_deadline_ms(const struct mayfly_event *event);

/* Nobody waits for the answer any more: stop working and return. */
bool mayfly_cancelled(const struct mayfly_event *event);

/* ---- the reply ---- */

/* Status and headers go before the body's first 32 KiB have been written; later calls
 * fail the event. A header that HTTP does not allow fails the event (500) with a line
 * in the log. */
void mayfly_set_status(struct mayfly_reply *reply, unsigned status);
void mayfly_add_header(struct mayfly_reply *reply, const char *name, const char *value);

/* The body, in as many pieces as you like; 6 MiB at most. */
void mayfly_write(struct mayfly_reply *reply, const void *data, size_t bytes);
void mayfly_puts(struct mayfly_reply *reply, const char *text); /* adds no newline */
void mayfly_printf(struct mayfly_reply *reply, const char *format, ...) MAYFLY_PRINTF(2, 3);

/* Status, content type and text in one call. */
void mayfly_answer(struct mayfly_reply *reply, unsigned status, const char *content_type,
                   const char *format, ...) MAYFLY_PRINTF(4, 5);

/* The event failed: the caller gets 500 with this message instead of the reply. */
void mayfly_fail(struct mayfly_reply *reply, const char *format, ...) MAYFLY_PRINTF(2, 3);

/* ---- around them ---- */

enum mayfly_level { MAYFLY_DEBUG, MAYFLY_INFO, MAYFLY_WARN, MAYFLY_ERROR };

/* A record of the function's log; 4096 bytes at most, cut where longer. */
void mayfly_log(enum mayfly_level level, const char *format, ...) MAYFLY_PRINTF(2, 3);

/* A variable of the function's environment, or otherwise where it is not set. */
const char *mayfly_env(const char *name, const char *otherwise);

/* Random bytes, good enough for keys. */
void mayfly_random(void *buffer, size_t bytes);

/* Memory that is yours until the handler returns; never to be freed. Aligned for
 * anything. NULL: none left. */
void *mayfly_alloc(struct mayfly_event *event, size_t bytes);

#endif
