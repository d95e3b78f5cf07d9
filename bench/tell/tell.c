/* tell.c: the last step of a workflow that is measured: publishes what it is sent on bench/told/NAME. */
#include <mayfly.h>
#include <stdio.h>

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    char topic[64];
    struct mayfly_bytes body = mayfly_body(event);
    (void)snprintf(topic, sizeof topic, "bench/told/%s", mayfly_env("NAME", ""));
    if (mayfly_publish(event, topic, body.data, body.bytes, 1, false) != MAYFLY_OK)
        mayfly_fail(reply, "%s: %s", topic, mayfly_error_words(event));
}
