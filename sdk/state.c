/*
 * state.c: a state changed once by each event (mayfly_state.h): read, step, compare and set,
 * again if somebody was faster.
 */
#include "sdk/mayfly_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TRIES_MAX 200
#define ID_BYTES_MAX 256
#define ID_ROOM (ID_BYTES_MAX + sizeof "@0123456789abcdef")
#define VALUE_BYTES_MAX (MAYFLY_STATE_BYTES + MAYFLY_STATE_EVENT_BYTES + 2)

/* A value taken apart; nothing is copied. */
struct kept {
    const char *events; /* lines */
    size_t event_bytes;
    const char *state;
};

/* FNV-1a. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* An event is one by its source and id together (CloudEvents 1.0.2, "id"): of the source, which is long and
 * mostly the same, a hash. NULL: it has none. */
static const char *id_of(const struct mayfly_event *event, char room[static ID_ROOM])
{
    const char *id = mayfly_header(event, "ce-id"), *source = id ? mayfly_header(event, "ce-source") : NULL;
    if (!id)
        id = mayfly_header(event, "x-call-id");
    if (!id || !*id || strlen(id) > ID_BYTES_MAX || strpbrk(id, " \n"))
        return NULL;
    if (!source)
        return id;
    (void)snprintf(room, ID_ROOM, "%s@%016llx", id, (unsigned long long)hash_of(source));
    return room;
}

static bool text_open(struct mayfly_event *event, size_t room, struct mayfly_text *text)
{
    *text = (struct mayfly_text){.data = mayfly_alloc(event, room), .room = room};
    return text->data != NULL;
}

static void text_clear(struct mayfly_text *text)
{
    text->bytes = 0;
    text->cut = false;
    text->data[0] = 0;
}

static void text_add(struct mayfly_text *text, const char *data, size_t bytes)
{
    if (bytes >= text->room - text->bytes) {
        text->cut = true;
        return;
    }
    memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
    text->data[text->bytes] = 0;
}

void mayfly_text_printf(struct mayfly_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = text->room - text->bytes;
    int bytes = vsnprintf(text->data + text->bytes, room, format, args);
    va_end(args);
    if (bytes < 0 || (size_t)bytes >= room) {
        text->data[text->bytes] = 0;
        text->cut = true;
        return;
    }
    text->bytes += (size_t)bytes;
}

void mayfly_text_string(struct mayfly_text *text, const char *string)
{
    text_add(text, "\"", 1);
    for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
        if (*c == '"' || *c == '\\')
            text_add(text, "\\", 1);
        if (*c < ' ')
            mayfly_text_printf(text, "\\u%04x", *c);
        else
            text_add(text, (const char *)c, 1);
    }
    text_add(text, "\"", 1);
}

/* What others wrote there may be anything: without an empty line all of it is state. */
static struct kept take_apart(const char *value)
{
    const char *gap = *value == '\n' ? value : strstr(value, "\n\n");
    if (!gap)
        return (struct kept){.events = "", .state = value};
    size_t bytes = gap == value ? 0 : (size_t)(gap - value) + 1;
    return (struct kept){value, bytes, gap == value ? value + 1 : gap + 2};
}

/* The answer to that event, a copy; NULL: it is new. */
static const char *answered(struct mayfly_event *event, const struct kept *kept, const char *id)
{
    size_t id_bytes = strlen(id);
    const char *end = kept->events + kept->event_bytes;
    for (const char *line = kept->events; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            return NULL;
        if ((size_t)(stop - line) > id_bytes && line[id_bytes] == ' ' &&
            memcmp(line, id, id_bytes) == 0) {
            size_t bytes = (size_t)(stop - line) - id_bytes - 1;
            char *copy = mayfly_alloc(event, bytes + 1);
            if (!copy)
                return NULL;
            memcpy(copy, line + id_bytes + 1, bytes);
            copy[bytes] = 0;
            return copy;
        }
        line = stop + 1;
    }
    return NULL;
}

/* The last events, without the oldest where they leave no room for a line of so many bytes. */
static void keep_events(struct mayfly_text *value, const struct kept *kept, size_t line_bytes)
{
    const char *from = kept->events, *end = kept->events + kept->event_bytes;
    size_t count = 0;
    for (const char *c = from; c < end; c++)
        count += *c == '\n';
    for (; count >= MAYFLY_STATE_EVENTS ||
           (count > 0 && (size_t)(end - from) + line_bytes > MAYFLY_STATE_EVENT_BYTES); count--)
        from = (const char *)memchr(from, '\n', (size_t)(end - from)) + 1;
    text_add(value, from, (size_t)(end - from));
}

enum mayfly_error mayfly_once(struct mayfly_event *event, const char *key, mayfly_step *step,
                              void *context, const char **answer)
{
    char room[ID_ROOM];
    const char *id = id_of(event, room);
    struct mayfly_text next, said, value;
    *answer = "";
    if (!text_open(event, MAYFLY_STATE_BYTES, &next) ||
        !text_open(event, MAYFLY_ANSWER_BYTES, &said) || !text_open(event, VALUE_BYTES_MAX, &value))
        return MAYFLY_BUSY;
    *answer = said.data;
    struct mayfly_bytes old;
    enum mayfly_error error = mayfly_get(event, key, &old);
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        bool none = error == MAYFLY_NOT_FOUND;
        if (error != MAYFLY_OK && !none)
            return error;
        struct kept kept = take_apart(none ? "" : old.data);
        const char *before = id ? answered(event, &kept, id) : NULL;
        if (before) {
            *answer = before;
            return MAYFLY_OK;
        }
        text_clear(&next);
        text_clear(&said);
        text_clear(&value);
        bool changed = step(context, kept.state, &next, &said);
        if (said.cut || next.cut || strchr(said.data, '\n'))
            return MAYFLY_TOO_LARGE;
        if (!changed)
            return MAYFLY_OK;
        keep_events(&value, &kept, id ? strlen(id) + said.bytes + 2 : 0);
        if (id)
            mayfly_text_printf(&value, "%s %s\n", id, said.data);
        text_add(&value, "\n", 1);
        text_add(&value, next.data, next.bytes);
        struct mayfly_bytes present = {"", 0};
        error = mayfly_compare_and_set(event, key, none ? NULL : &old, value.data, value.bytes, 0,
                                       &present);
        if (error == MAYFLY_OK)
            return MAYFLY_OK;
        if (error == MAYFLY_EXISTS) {
            old = present;
            error = MAYFLY_OK;
        }
    }
    return MAYFLY_BUSY;
}
