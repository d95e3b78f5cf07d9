/*
 * echo.c: answers with what came in. The body goes back piece by piece, so its size
 * never needs memory. With ?head the answer starts with method, path, query and
 * headers, one a line.
 */
#include <mayfly.h>

#define PIECE_BYTES 65536

static void put_head(struct mayfly_event *event, struct mayfly_reply *reply)
{
    mayfly_printf(reply, "%s %s", mayfly_method(event), mayfly_path(event));
    if (mayfly_query(event)[0])
        mayfly_printf(reply, "?%s", mayfly_query(event));
    mayfly_puts(reply, "\n");
    const char *name, *value;
    for (size_t at = 0; mayfly_each_header(event, &at, &name, &value);)
        mayfly_printf(reply, "%s: %s\n", name, value);
    mayfly_puts(reply, "\n");
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    static char piece[PIECE_BYTES];
    const char *type = mayfly_header(event, "content-type");
    mayfly_add_header(reply, "content-type", type ? type : "application/octet-stream");
    if (mayfly_parameter(event, "head"))
        put_head(event, reply);
    size_t bytes;
    while ((bytes = mayfly_read(event, piece, sizeof piece)) > 0)
        mayfly_write(reply, piece, bytes);
}
