/* logger.c: an event, with what it is about, as a line of the function's log. */
#include <mayfly.h>

#define SHOWN_BYTES 3500

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    int shown = body.bytes < SHOWN_BYTES ? (int)body.bytes : SHOWN_BYTES;
    const char *topic = mayfly_topic(event);
    mayfly_log(MAYFLY_INFO, "%s%s%.*s", topic, *topic ? " " : "", shown, body.data);
    mayfly_set_status(reply, 204);
}
