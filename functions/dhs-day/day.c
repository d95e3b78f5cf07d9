/* day.c: what dhs says of a day, {"user":"ann",…}, counted: one more day, once for each event. */
#include <mayfly_json.h>
#include <mayfly_state.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_BYTES 160

static bool count(void *context, const char *old, struct mayfly_text *next,
                  struct mayfly_text *answer)
{
    (void)context;
    unsigned long days = strtoul(old, NULL, 10) + 1;
    mayfly_text_printf(next, "%lu", days);
    mayfly_text_printf(answer, "{\"days\":%lu}", days);
    return true;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *message = mayfly_json_parse(event, body.data, body.bytes, &error);
    const char *user = mayfly_json_text(message, "user", "");
    char key[KEY_BYTES];
    int bytes = snprintf(key, sizeof key, "dhs-day/%s", user);
    if (!*user || bytes >= (int)sizeof key) {
        mayfly_answer(reply, 400, "application/json", "{\"error\":\"whose day? user is missing\"}\n");
        return;
    }
    const char *answer;
    enum mayfly_error failed = mayfly_once(event, key, count, NULL, &answer);
    if (failed)
        mayfly_fail(reply, "%s: %s: %s", key, mayfly_error_name(failed), mayfly_error_words(event));
    else
        mayfly_answer(reply, 200, "application/json", "%s\n", answer);
}
