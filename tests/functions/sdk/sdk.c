/*
 * sdk.c: a function that uses every call of mayfly.h, one a path, for test_functions.c.
 */
#include <mayfly.h>
#include <mayfly_json.h>
#include <stdio.h>
#include <string.h>

#define PIECES 100
#define RANDOM_BYTES 16
#define LARGE_BYTES (4u << 20)

static int inits, events;

int mayfly_init(void)
{
    inits++;
    mayfly_log(MAYFLY_DEBUG, "prepared");
    return 0;
}

static void deadline(struct mayfly_event *event, struct mayfly_reply *reply)
{
    int64_t left = mayfly_deadline_ms(event);
    mayfly_puts(reply, left == INT64_MAX ? "none" : left > 0 && left <= 900000 ? "some" : "wrong");
}

static void random_bytes(struct mayfly_event *event, struct mayfly_reply *reply)
{
    unsigned char one[RANDOM_BYTES], two[RANDOM_BYTES], zero[RANDOM_BYTES] = {0};
    (void)event;
    mayfly_random(one, sizeof one);
    mayfly_random(two, sizeof two);
    bool fresh = memcmp(one, two, sizeof one) != 0 && memcmp(one, zero, sizeof one) != 0 &&
                 memcmp(two, zero, sizeof two) != 0;
    mayfly_puts(reply, fresh ? "fresh" : "stale");
}

static void memory(struct mayfly_event *event, struct mayfly_reply *reply)
{
    char *small = mayfly_alloc(event, 1);
    char *large = mayfly_alloc(event, LARGE_BYTES);
    char *other = mayfly_alloc(event, 1);
    if (!small || !large || !other) {
        mayfly_fail(reply, "no memory");
        return;
    }
    memset(large, 'x', LARGE_BYTES);
    *small = *other = 'y';
    mayfly_puts(reply, large[0] == 'x' && large[LARGE_BYTES - 1] == 'x' ? "kept" : "lost");
}

static void headers(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *name, *value;
    size_t count = 0, at = 0;
    while (mayfly_each_header(event, &at, &name, &value))
        count++;
    for (int i = 0; i < PIECES; i++) {
        char own[32];
        (void)snprintf(own, sizeof own, "X-Number-%d", i);
        mayfly_add_header(reply, own, mayfly_header(event, "X-TEST"));
    }
    mayfly_set_status(reply, 202);
    mayfly_printf(reply, "%s", count > 0 ? "seen" : "none");
}

static void too_many_headers(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    for (int i = 0; i < 2 * PIECES; i++)
        mayfly_add_header(reply, "x-same", "1");
}

static void pieces(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    for (int i = 0; i < PIECES; i++)
        mayfly_printf(reply, "%01000d\n", i);
}

static void json(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *value = mayfly_json_parse(event, body.data, body.bytes, &error);
    const struct mayfly_json *text = mayfly_json_member(value, "text");
    if (text && text->kind == MAYFLY_JSON_STRING)
        mayfly_json_write_string(reply, text->text);
    else
        mayfly_answer(reply, 400, "text/plain", "%s", value ? "no text" : error.what);
}

static void around(struct mayfly_event *event, struct mayfly_reply *reply)
{
    static const char *const name[] = {"debug", "info", "warn", "error"};
    for (int level = MAYFLY_DEBUG; level <= MAYFLY_ERROR; level++)
        mayfly_log((enum mayfly_level)level, "a record of level %s", name[level]);
    mayfly_printf(reply, "%s %s %s", mayfly_type(event), mayfly_env("FROM_OUTSIDE", "unset"),
                  mayfly_cancelled(event) ? "cancelled" : "wanted");
}

static void state(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    mayfly_printf(reply, "inits=%d events=%d", inits, events);
}

static void fail(struct mayfly_event *event, struct mayfly_reply *reply)
{
    mayfly_puts(reply, "never seen");
    mayfly_fail(reply, "failed on purpose: %s", mayfly_query(event));
}

static const struct {
    const char *path;
    void (*serve)(struct mayfly_event *, struct mayfly_reply *);
} routes[] = {
    {"/deadline", deadline}, {"/random", random_bytes}, {"/memory", memory},
    {"/headers", headers},   {"/flood", too_many_headers}, {"/pieces", pieces},
    {"/json", json},         {"/around", around},       {"/state", state},
    {"/fail", fail},
};

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    events++;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(mayfly_path(event), routes[i].path) == 0) {
            routes[i].serve(event, reply);
            return;
        }
    mayfly_answer(reply, 404, "text/plain", "no such path: %s\n", mayfly_path(event));
}
