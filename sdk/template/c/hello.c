/* hello.c: greets whoever is named in ?name= or in the body. */
#include <mayfly.h>

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *name = mayfly_parameter(event, "name");
    if (!name)
        name = mayfly_body(event).data;
    if (!name[0])
        name = mayfly_env("GREET", "world");
    mayfly_answer(reply, 200, "text/plain; charset=utf-8", "hello, %s\n", name);
}
