/* heard.c: a test function that says in its log what events it gets. Asked by a variable, it does
 * what calls it again. */
#include <string.h>

#include <mayfly.h>

static const char *or_none(const char *text)
{
    return text ? text : "-";
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *key = mayfly_env("HEARD_SETS", ""), *queue = mayfly_env("HEARD_PUSHES", "");
    struct mayfly_bytes body = mayfly_body(event);
    mayfly_log(MAYFLY_INFO, "heard type=%s id=%s source=%s subject=%s time=%s change=%s content=%s hops=%s ext=%s body=%.200s",
               mayfly_type(event), or_none(mayfly_header(event, "ce-id")),
               or_none(mayfly_header(event, "ce-source")), or_none(mayfly_header(event, "ce-subject")),
               or_none(mayfly_header(event, "ce-time")), or_none(mayfly_header(event, "ce-change")),
               or_none(mayfly_header(event, "content-type")), or_none(mayfly_header(event, "x-mayfly-hops")),
               or_none(mayfly_header(event, "ce-ext")), body.data);
    if (*key && mayfly_set(event, key, "again", 5, 0) != MAYFLY_OK)
        mayfly_log(MAYFLY_INFO, "not set: %s", mayfly_error_words(event));
    const struct mayfly_message message = {.data = "again", .bytes = 5};
    if (*queue && mayfly_push(event, queue, &message, NULL) != MAYFLY_OK)
        mayfly_log(MAYFLY_INFO, "not pushed: %s", mayfly_error_words(event));
    if (mayfly_parameter(event, "reply")) { /* an event as a reply */
        mayfly_add_header(reply, "ce-specversion", "1.0");
        mayfly_add_header(reply, "ce-id", "reply-1");
        mayfly_add_header(reply, "ce-source", "/heard");
        mayfly_add_header(reply, "ce-type", "test.reply");
        mayfly_add_header(reply, "ce-subject", "a%20b%C3%BC");
        mayfly_add_header(reply, "content-type", "application/json");
        mayfly_puts(reply, "{\"n\": 66.350}");
        return;
    }
    if (strcmp(mayfly_type(event), "http") == 0)
        mayfly_printf(reply, "%s|%s|%s|%s", or_none(mayfly_header(event, "ce-id")),
                      or_none(mayfly_header(event, "ce-subject")),
                      or_none(mayfly_header(event, "content-type")), body.data);
}
