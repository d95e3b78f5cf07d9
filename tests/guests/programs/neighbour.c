/* neighbour.c: the well-behaved function beside the hostile ones: counts its events. */
#include <mayfly.h>

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    static unsigned served;
    struct mayfly_bytes body = mayfly_body(event);
    mayfly_printf(reply, "%u:", ++served);
    mayfly_write(reply, body.data, body.bytes);
}
