/*
 * asks.c: asks the node for what its request says: the path names the operation, the query its
 * arguments, the body is the value. Answers 200 and the result's name in a header, whatever it
 * is; the body is what came back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly.h"

static const char *text(struct mayfly_event *event, const char *name, const char *otherwise)
{
    const char *value = mayfly_parameter(event, name);
    return value ? value : otherwise;
}

static unsigned long long number(struct mayfly_event *event, const char *name)
{
    return strtoull(text(event, name, "0"), NULL, 10);
}

/* What is written at the end: headers go first. */
static struct mayfly_bytes out;

static void say(struct mayfly_event *event, const char *more)
{
    char *whole = mayfly_alloc(event, out.bytes + strlen(more) + 1);
    memcpy(whole, out.data, out.bytes);
    memcpy(whole + out.bytes, more, strlen(more) + 1);
    out = (struct mayfly_bytes){whole, out.bytes + strlen(more)};
}

static enum mayfly_error values(struct mayfly_event *event, const char *what, const char *key)
{
    struct mayfly_bytes body = mayfly_body(event);
    enum mayfly_error error;
    if (strcmp(what, "get") == 0) {
        error = mayfly_get(event, key, &out);
    } else if (strcmp(what, "set") == 0) {
        error = mayfly_set(event, key, body.data, body.bytes, number(event, "life"));
    } else if (strcmp(what, "delete") == 0) {
        error = mayfly_delete(event, key);
    } else if (strcmp(what, "increment") == 0) {
        int64_t sum = 0;
        error = mayfly_increment(event, key, strtoll(text(event, "by", "1"), NULL, 10), &sum);
        char digits[32];
        (void)snprintf(digits, sizeof digits, "%lld", (long long)sum);
        if (!error)
            say(event, digits);
    } else {
        const char *expected = mayfly_parameter(event, "expected");
        struct mayfly_bytes as = {expected, expected ? strlen(expected) : 0};
        error = mayfly_compare_and_set(event, key, expected ? &as : NULL, body.data, body.bytes, 0,
                                       &out);
    }
    return error;
}

static enum mayfly_error scan(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_pairs pairs;
    enum mayfly_error error = mayfly_scan(event, text(event, "prefix", ""), text(event, "after", ""),
                                          (size_t)number(event, "count"), &pairs);
    for (size_t i = 0; i < pairs.count; i++) {
        say(event, pairs.pair[i].key);
        say(event, "=");
        say(event, pairs.pair[i].value.data);
        say(event, "\n");
    }
    mayfly_add_header(reply, "x-more", pairs.more ? "1" : "0");
    return error;
}

static enum mayfly_error queues(struct mayfly_event *event, struct mayfly_reply *reply,
                                const char *what, const char *queue)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_message message = {.data = body.data,
                                     .bytes = body.bytes,
                                     .content_type = mayfly_parameter(event, "content"),
                                     .type = mayfly_parameter(event, "type"),
                                     .urgent = mayfly_parameter(event, "urgent") != NULL};
    const char *id = "";
    enum mayfly_error error;
    if (strcmp(what, "push") == 0) {
        error = mayfly_push(event, queue, &message, &id);
        if (!error)
            mayfly_add_header(reply, "x-id", id);
        return error;
    }
    error = mayfly_pop(event, queue, &message);
    if (error)
        return error;
    mayfly_add_header(reply, "x-id", message.id ? message.id : "");
    mayfly_add_header(reply, "x-type", message.type ? message.type : "");
    mayfly_add_header(reply, "x-content", message.content_type ? message.content_type : "");
    out = (struct mayfly_bytes){message.data, message.bytes};
    return error;
}

static enum mayfly_error outside(struct mayfly_event *event, struct mayfly_reply *reply,
                                 const char *what)
{
    struct mayfly_bytes body = mayfly_body(event);
    if (strcmp(what, "publish") == 0)
        return mayfly_publish(event, text(event, "topic", ""), body.data, body.bytes,
                              (int)number(event, "qos"), mayfly_parameter(event, "retain") != NULL);
    if (strcmp(what, "secret") == 0) {
        const char *value;
        enum mayfly_error error = mayfly_secret(event, text(event, "secret", ""), &value);
        say(event, value);
        return error;
    }
    const char *header = mayfly_parameter(event, "header");
    const char *const headers[] = {header ? header : NULL, text(event, "value", ""), NULL};
    const struct mayfly_request request = {.method = mayfly_parameter(event, "method"),
                                           .url = text(event, "url", ""),
                                           .headers = headers,
                                           .body = body.data,
                                           .bytes = body.bytes,
                                           .timeout_ms = (uint32_t)number(event, "timeout")};
    struct mayfly_response response;
    enum mayfly_error error = mayfly_fetch(event, &request, &response);
    if (!error) {
        char status[16];
        (void)snprintf(status, sizeof status, "%u", response.status);
        mayfly_add_header(reply, "x-status", status);
        const char *type = mayfly_response_header(&response, "Content-Type");
        mayfly_add_header(reply, "x-content", type ? type : "");
        out = response.body;
    }
    return error;
}

/* Again and again: how long one takes, and that nothing piles up. */
static enum mayfly_error many(struct mayfly_event *event, const char *key)
{
    enum mayfly_error error = MAYFLY_OK;
    for (unsigned long long i = number(event, "times"); i > 0 && !error; i--) {
        struct mayfly_bytes value;
        error = mayfly_get(event, key, &value);
    }
    return error;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *what = mayfly_path(event) + 1;
    const char *key = text(event, "key", "");
    enum mayfly_error error;
    out = (struct mayfly_bytes){"", 0};
    if (strcmp(what, "many") == 0)
        error = many(event, key);
    else if (strcmp(what, "scan") == 0)
        error = scan(event, reply);
    else if (strcmp(what, "push") == 0 || strcmp(what, "pop") == 0)
        error = queues(event, reply, what, text(event, "queue", ""));
    else if (strcmp(what, "publish") == 0 || strcmp(what, "secret") == 0 ||
             strcmp(what, "fetch") == 0)
        error = outside(event, reply, what);
    else
        error = values(event, what, key);
    mayfly_add_header(reply, "x-error", mayfly_error_name(error));
    if (error)
        mayfly_add_header(reply, "x-words", mayfly_error_words(event));
    mayfly_write(reply, out.data, out.bytes);
    if (mayfly_parameter(event, "status"))
        mayfly_set_status(reply, (unsigned)number(event, "status"));
    while (mayfly_parameter(event, "spin"))
        ;
    if (mayfly_parameter(event, "die"))
        abort();
}
