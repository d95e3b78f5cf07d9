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

/* What the event is about: of an MQTT message its topic, also of one that is a CloudEvent; else the
 * subject. As it was sent: decoded, where the headers ce-mqtttopic and ce-subject say k%C3%BCche.
 * "": nothing said. An escape that is none, or that would be a NUL, stays as it is.
 * One level of a topic, from 0: of shop/12/fridge the levels are shop, 12 and fridge. NULL: it
 * has no such level. */
const char *mayfly_topic(struct mayfly_event *event);
const char *mayfly_topic_level(struct mayfly_event *event, size_t level);

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

/* ---- asking the node ---- */

/* Each of these waits for the node's answer, in the time that the event has. What it may ask
 * for stands in the function's settings, under `allow`. Request and answer have 64 KiB at
 * most. What comes back is valid until the handler returns. Only while an event is handled. */
enum mayfly_error {
    MAYFLY_OK,          /* done; a change is on the disk                                 */
    MAYFLY_NOT_FOUND,   /* no such key; nothing in the queue; no such secret             */
    MAYFLY_EXISTS,      /* another value is there                                        */
    MAYFLY_DENIED,      /* `allow` does not name it                                      */
    MAYFLY_TOO_LARGE,   /* key, value, request or answer                                 */
    MAYFLY_FULL,        /* the disk, or a bound of the tenant's or the queue's           */
    MAYFLY_INVALID,     /* not a key, number, name, header, URL or topic                 */
    MAYFLY_UNAVAILABLE, /* store, broker or peer do not answer, or this node has none    */
    MAYFLY_BUSY,        /* too much waits already: later                                 */
    MAYFLY_TIMED_OUT,   /* no answer in the time that was given                          */
};

/* "denied" and so on. */
const char *mayfly_error_name(enum mayfly_error error);
/* What the node said about the last one that was not MAYFLY_OK: a sentence, or "". */
const char *mayfly_error_words(const struct mayfly_event *event);

/* Key-values that outlive instances, shared by all functions of a tenant. Keys: 1 to 256 bytes.
 * Values: any bytes. life_ms: gone after so long; 0: stays. */
enum mayfly_error mayfly_get(struct mayfly_event *event, const char *key,
                             struct mayfly_bytes *value);
enum mayfly_error mayfly_set(struct mayfly_event *event, const char *key, const void *value,
                             size_t bytes, uint64_t life_ms);
enum mayfly_error mayfly_delete(struct mayfly_event *event, const char *key);

/* Add to a decimal number, 0 where there is none; *sum (may be NULL): what it is then. The time
 * of its end stays. MAYFLY_INVALID: the value is no number, or the sum does not fit. */
enum mayfly_error mayfly_increment(struct mayfly_event *event, const char *key, int64_t by,
                                   int64_t *sum);

/* Set it if its value is *expected; NULL: if it is not there. MAYFLY_EXISTS: it is another one,
 * *present (may be NULL); MAYFLY_NOT_FOUND: there is none. */
enum mayfly_error mayfly_compare_and_set(struct mayfly_event *event, const char *key,
                                         const struct mayfly_bytes *expected, const void *value,
                                         size_t bytes, uint64_t life_ms,
                                         struct mayfly_bytes *present);

/* Keys that begin with prefix and come after `after` ("": from the first), in the order of
 * their bytes; 1000 at most, and as many as 64 KiB hold with their values. */
struct mayfly_pair {
    const char *key; /* a NUL in it would end it */
    size_t key_bytes;
    struct mayfly_bytes value;
};
struct mayfly_pairs {
    struct mayfly_pair *pair;
    size_t count;
    bool more; /* ask again, after the last one's key */
};
enum mayfly_error mayfly_scan(struct mayfly_event *event, const char *prefix, const char *after,
                              size_t count, struct mayfly_pairs *pairs);

/* Queues, of the tenant. Where functions have a trigger on a queue they get what is pushed;
 * else it waits there. Names as functions have. */
struct mayfly_message {
    const void *data;
    size_t bytes;
    const char *content_type; /* NULL: none said                       */
    const char *type;         /* of the event; NULL: "mayfly.push"     */
    bool urgent;              /* overtakes others                      */
    const char *id;           /* of what was popped                    */
};
/* MAYFLY_OK: it is on the disk. If the event that pushed it is handled again (a retry), it is
 * pushed again with the same id. *id (may be NULL). */
enum mayfly_error mayfly_push(struct mayfly_event *event, const char *queue,
                              const struct mayfly_message *message, const char **id);
/* The oldest one. It is gone when the event is handled well, a status below 500; if the handler fails, or
 * the node is killed, it comes back, so it may be had twice; after as many failures as attempts_max it
 * is a dead letter of its queue. MAYFLY_NOT_FOUND: the queue is empty. MAYFLY_BUSY: this event has popped
 * 1024. */
enum mayfly_error mayfly_pop(struct mayfly_event *event, const char *queue,
                             struct mayfly_message *message);

/* An HTTP request. Redirects are not followed. headers: name, value, name, value, …, NULL; or
 * NULL. A header's value may name a secret, ${secret:NAME}, which the node puts in. */
struct mayfly_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *const *headers;
    const void *body;
    size_t bytes;
    uint32_t timeout_ms; /* 0: as long as the event has, at most */
};
struct mayfly_response {
    unsigned status;
    struct mayfly_bytes body;
    const char *const *headers; /* as in a request; names in lower case */
};
enum mayfly_error mayfly_fetch(struct mayfly_event *event, const struct mayfly_request *request,
                               struct mayfly_response *response);
/* A header of a response; names compare without regard to case. NULL: not there. */
const char *mayfly_response_header(const struct mayfly_response *response, const char *name);

/* To the node's MQTT broker. MAYFLY_OK with QoS 1 or 2: the node has it on its disk, if the
 * broker is away. */
enum mayfly_error mayfly_publish(struct mayfly_event *event, const char *topic,
                                 const void *payload, size_t bytes, int qos, bool retain);

/* A secret, which is kept outside images. */
enum mayfly_error mayfly_secret(struct mayfly_event *event, const char *name, const char **value);

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
