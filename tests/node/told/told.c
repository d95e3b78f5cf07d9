/* told.c: a function for tests of triggers: what it is given it says in its log, as JSON;
 * then it takes its time, NAP_MS of its environment. */
#include <mayfly.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BODY_SHOWN 256

/* ASCII; everything else as dots. */
static void put(char *room, size_t bytes, size_t *at, const char *text, size_t length)
{
    for (size_t i = 0; i < length && *at + 2 < bytes; i++) {
        if (text[i] == '"' || text[i] == '\\')
            room[(*at)++] = '\\';
        room[(*at)++] = text[i] < ' ' || text[i] > '~' ? '.' : text[i];
    }
    room[*at] = 0;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    static char line[4096];
    const char *name, *value, *type = mayfly_type(event);
    struct mayfly_bytes body = mayfly_body(event);
    size_t at = 0, header = 0;
    put(line, sizeof line, &at, "", 0);
    at += (size_t)snprintf(line + at, sizeof line - at, "{\"type\":\"%s\",\"bytes\":%zu", type ? type : "",
                           body.bytes);
    while (mayfly_each_header(event, &header, &name, &value) && at + 300 < sizeof line) {
        at += (size_t)snprintf(line + at, sizeof line - at, ",\"%s\":\"", name);
        put(line, sizeof line - 400, &at, value, strlen(value));
        line[at++] = '"';
    }
    at += (size_t)snprintf(line + at, sizeof line - at, ",\"body\":\"");
    put(line, sizeof line - 8, &at, (const char *)body.data,
        body.bytes < BODY_SHOWN ? body.bytes : BODY_SHOWN);
    (void)snprintf(line + at, sizeof line - at, "\"}");
    mayfly_log(MAYFLY_INFO, "%s", line);
    long nap_ms = atol(mayfly_env("NAP_MS", "0"));
    struct timespec nap = {.tv_sec = nap_ms / 1000, .tv_nsec = nap_ms % 1000 * 1000000};
    (void)nanosleep(&nap, NULL);
    (void)reply;
}
