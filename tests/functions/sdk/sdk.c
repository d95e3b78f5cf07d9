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

#define EXPECT(fact)                                                                  \
    do {                                                                              \
        if (!(fact)) {                                                                \
            mayfly_answer(reply, 500, "text/plain", "line %d: %s; %s", __LINE__, #fact, \
                          mayfly_error_words(event));                                 \
            return;                                                                   \
        }                                                                             \
    } while (0)

static bool is(struct mayfly_bytes value, const char *text)
{
    return value.bytes == strlen(text) && memcmp(value.data, text, value.bytes) == 0 &&
           value.data[value.bytes] == 0;
}

static void values(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes value, same = {"one", 3}, other = {"two", 3};
    struct mayfly_pairs pairs;
    int64_t sum = 0;
    EXPECT(mayfly_get(event, "k1", &value) == MAYFLY_NOT_FOUND && is(value, ""));
    EXPECT(mayfly_set(event, "k1", "one", 3, 0) == MAYFLY_OK);
    EXPECT(mayfly_get(event, "k1", &value) == MAYFLY_OK && is(value, "one"));
    EXPECT(mayfly_increment(event, "k1", 1, &sum) == MAYFLY_INVALID);
    EXPECT(mayfly_increment(event, "kn", 7, &sum) == MAYFLY_OK && sum == 7);
    EXPECT(mayfly_increment(event, "kn", -9, &sum) == MAYFLY_OK && sum == -2);
    EXPECT(mayfly_increment(event, "kn", INT64_MIN, NULL) == MAYFLY_INVALID);
    EXPECT(mayfly_get(event, "kn", &value) == MAYFLY_OK && is(value, "-2"));
    EXPECT(mayfly_compare_and_set(event, "k1", NULL, "x", 1, 0, &value) == MAYFLY_EXISTS);
    EXPECT(is(value, "one"));
    EXPECT(mayfly_compare_and_set(event, "k1", &other, "x", 1, 0, NULL) == MAYFLY_EXISTS);
    EXPECT(mayfly_compare_and_set(event, "k1", &same, "two", 3, 0, NULL) == MAYFLY_OK);
    EXPECT(mayfly_compare_and_set(event, "k2", &same, "x", 1, 0, NULL) == MAYFLY_NOT_FOUND);
    EXPECT(mayfly_compare_and_set(event, "k2", NULL, "new", 3, 60000, NULL) == MAYFLY_OK);
    EXPECT(mayfly_scan(event, "k", "", 2, &pairs) == MAYFLY_OK && pairs.count == 2 && pairs.more);
    EXPECT(strcmp(pairs.pair[0].key, "k1") == 0 && is(pairs.pair[0].value, "two"));
    EXPECT(strcmp(pairs.pair[1].key, "k2") == 0 && is(pairs.pair[1].value, "new"));
    EXPECT(mayfly_scan(event, "k", "k2", 2, &pairs) == MAYFLY_OK && pairs.count == 1 && !pairs.more);
    EXPECT(strcmp(pairs.pair[0].key, "kn") == 0);
    EXPECT(mayfly_scan(event, "kx", NULL, 9, &pairs) == MAYFLY_OK && pairs.count == 0);
    EXPECT(mayfly_delete(event, "k1") == MAYFLY_OK && mayfly_delete(event, "k1") == MAYFLY_NOT_FOUND);
    EXPECT(mayfly_set(event, "", "", 0, 0) == MAYFLY_INVALID);
    EXPECT(mayfly_set(event, "k", reply, 65536, 0) == MAYFLY_TOO_LARGE);
    EXPECT(mayfly_set(event, "ks", "x", 1, 1) == MAYFLY_OK);
    mayfly_puts(reply, "all as it should be");
}

static void others(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_message in = {.data = "\1data", .bytes = 5, .content_type = "a/b", .type = "x.y"}, out;
    struct mayfly_request request = {.url = "http://example.org:80/x", .body = "hello", .bytes = 5};
    struct mayfly_response response;
    const char *id = NULL, *value;
    const char *const headers[] = {"X-Own", "yes", NULL}, *const wrong[] = {"a b", "c", NULL};
    EXPECT(mayfly_pop(event, "q", &out) == MAYFLY_NOT_FOUND && out.bytes == 0);
    EXPECT(mayfly_push(event, "q", &in, &id) == MAYFLY_OK && id && *id);
    EXPECT(mayfly_push(event, "q", &(struct mayfly_message){.data = ""}, NULL) == MAYFLY_OK);
    EXPECT(mayfly_pop(event, "q", &out) == MAYFLY_OK && strcmp(out.id, id) == 0);
    EXPECT(out.bytes == 5 && memcmp(out.data, "\1data", 5) == 0);
    EXPECT(strcmp(out.type, "x.y") == 0 && strcmp(out.content_type, "a/b") == 0);
    EXPECT(mayfly_pop(event, "q", &out) == MAYFLY_OK && out.bytes == 0 && !out.content_type);
    EXPECT(strcmp(out.type, "mayfly.push") == 0);
    EXPECT(mayfly_publish(event, "t/a", "payload", 7, 1, false) == MAYFLY_OK);
    request.headers = headers;
    EXPECT(mayfly_fetch(event, &request, &response) == MAYFLY_OK && response.status == 204);
    EXPECT(response.body.bytes == 0 && !mayfly_response_header(&response, "x-own"));
    request.headers = wrong;
    EXPECT(mayfly_fetch(event, &request, &response) == MAYFLY_INVALID);
    EXPECT(mayfly_secret(event, "NONE", &value) == MAYFLY_NOT_FOUND && value[0] == 0);
    EXPECT(mayfly_get(NULL, "k", &(struct mayfly_bytes){0}) == MAYFLY_UNAVAILABLE);
    mayfly_puts(reply, mayfly_error_name(MAYFLY_TOO_LARGE));
}

static void denied(struct mayfly_event *event, struct mayfly_reply *reply)
{
    mayfly_puts(reply, mayfly_error_name(mayfly_set(event, "x", "", 0, 0)));
}

static const struct {
    const char *path;
    void (*serve)(struct mayfly_event *, struct mayfly_reply *);
} routes[] = {
    {"/deadline", deadline}, {"/random", random_bytes}, {"/memory", memory},
    {"/headers", headers},   {"/flood", too_many_headers}, {"/pieces", pieces},
    {"/json", json},         {"/around", around},       {"/state", state},
    {"/fail", fail},         {"/values", values},       {"/others", others},
    {"/denied", denied},
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
