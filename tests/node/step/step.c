/*
 * step.c: a step of a workflow, for the node's tests: what it does with an event stands in its
 * environment.
 *   STEP: what it adds to a body          ONLY: "even": other numbers end here, with 204
 *   TYPE: ce-type of its reply            NAP_MS: how long it takes
 *   STATUS: of its reply                  BYTES: of its reply, instead of the event's body
 *   HEADER: NAME=VALUE, one more header of its reply
 *   HOLD: a URL, whose answer it waits for
 */
#include <mayfly.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned long number_of(const char *name)
{
    return strtoul(mayfly_env(name, "0"), NULL, 10);
}

static void nap(void)
{
    unsigned long ms = number_of("NAP_MS");
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    if (ms)
        nanosleep(&t, NULL);
}

static void hold(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const struct mayfly_request request = {.url = mayfly_env("HOLD", "")};
    struct mayfly_response response;
    if (request.url[0] && mayfly_fetch(event, &request, &response))
        mayfly_fail(reply, "nobody holds it: %s", mayfly_error_words(event));
}

static const char *header(struct mayfly_event *event, const char *name)
{
    const char *value = mayfly_header(event, name);
    return value ? value : "-";
}

static void tell(struct mayfly_event *event, struct mayfly_bytes body)
{
    const char *name, *value;
    mayfly_log(MAYFLY_INFO, "got %.*s type=%s id=%s source=%s hops=%s cause=%s content=%s attempt=%s",
               (int)(body.bytes < 200 ? body.bytes : 200), body.data, mayfly_type(event),
               header(event, "ce-id"), header(event, "ce-source"), header(event, "x-mayfly-hops"),
               header(event, "x-mayfly-cause"), header(event, "content-type"),
               header(event, "x-mayfly-attempt"));
    for (size_t at = 0; mayfly_env("TELL", "")[0] && mayfly_each_header(event, &at, &name, &value);)
        mayfly_log(MAYFLY_INFO, "header %s=%s", name, value);
}

static void fill(struct mayfly_reply *reply, unsigned long bytes)
{
    static char block[16384];
    memset(block, 'x', sizeof block);
    for (; bytes; bytes -= bytes < sizeof block ? bytes : sizeof block)
        mayfly_write(reply, block, bytes < sizeof block ? bytes : sizeof block);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    char more[256];
    tell(event, body);
    nap();
    hold(event, reply);
    if (strcmp(mayfly_env("ONLY", ""), "even") == 0 && strtoul(body.data, NULL, 10) % 2) {
        mayfly_set_status(reply, 204);
        return;
    }
    if (number_of("STATUS"))
        mayfly_set_status(reply, (unsigned)number_of("STATUS"));
    if (mayfly_env("TYPE", "")[0])
        mayfly_add_header(reply, "ce-type", mayfly_env("TYPE", ""));
    (void)strncpy(more, mayfly_env("HEADER", ""), sizeof more - 1);
    more[sizeof more - 1] = 0;
    char *equals = strchr(more, '=');
    if (equals) {
        *equals = 0;
        mayfly_add_header(reply, more, equals + 1);
    }
    if (!equals || strcmp(more, "content-type") != 0)
        mayfly_add_header(reply, "content-type", "text/x-step");
    if (number_of("BYTES"))
        fill(reply, number_of("BYTES"));
    else
        mayfly_write(reply, body.data, body.bytes);
    mayfly_puts(reply, mayfly_env("STEP", ""));
}
