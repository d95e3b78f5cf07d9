/*
 * alert.c: a smoke detector's value, {"value":61}; above LIMIT (50) the answer is an alert with a
 * message for the people of the room. As a step of a workflow it passes on alerts only.
 */
#include <math.h>
#include <mayfly_json.h>
#include <stdlib.h>

static double limit = 50;

int mayfly_init(void)
{
    char *end;
    const char *text = mayfly_env("LIMIT", "50");
    limit = strtod(text, &end);
    if (end != text && *end == 0 && isfinite(limit))
        return 0;
    mayfly_log(MAYFLY_ERROR, "environment LIMIT: \"%s\"; a number belongs here", text);
    return 1;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *message = mayfly_json_parse(event, body.data, body.bytes, &error);
    double value = mayfly_json_number(message, "value", NAN);
    if (isnan(value)) {
        mayfly_answer(reply, 400, "application/json",
                      "{\"error\":\"a smoke detector says {\\\"value\\\":61}\"}\n");
        return;
    }
    if (value <= limit && mayfly_header(event, "ce-type")) {
        mayfly_set_status(reply, 204);
        return;
    }
    if (value <= limit) {
        mayfly_answer(reply, 200, "application/json", "{\"alert\":\"no\",\"value\":%.15g}\n", value);
        return;
    }
    mayfly_answer(reply, 200, "application/json", "{\"alert\":\"yes\",\"value\":%.15g,\"room\":", value);
    mayfly_json_write_string(reply, mayfly_json_text(message, "room", "the house"));
    mayfly_printf(reply, ",\"text\":\"Smoke: %.15g, above %.15g. Leave the house.\"}\n", value, limit);
}
