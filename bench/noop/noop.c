/* noop.c: the function that the benches start and call: it answers "ok". */
#include <mayfly.h>

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    mayfly_puts(reply, "ok");
}
