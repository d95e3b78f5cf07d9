/*
 * fdc.c: fridge door count. A contact's {"door":"open","at":1515692571} on home/FRIDGE/door (over
 * HTTP with "fridge") is counted, by the hour of the day (UTC), once however often it is delivered;
 * "closed" is not. The answer: the habits so far. The state: 24 counts.
 */
#include <mayfly_json.h>
#include <mayfly_state.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_BYTES 160
#define HOURS 24
#define AT_MAX 253402300799.0 /* the year 9999 */

struct step {
    const char *fridge;
    unsigned hour;
};

static unsigned busiest(const unsigned long count[static HOURS])
{
    unsigned best = 0;
    for (unsigned hour = 1; hour < HOURS; hour++)
        if (count[hour] > count[best])
            best = hour;
    return best;
}

static bool count_opening(void *context, const char *old, struct mayfly_text *next,
                          struct mayfly_text *answer)
{
    const struct step *step = context;
    unsigned long count[HOURS] = {0}, all = 0;
    for (unsigned hour = 0; hour < HOURS; hour++) {
        char *end;
        count[hour] = strtoul(old, &end, 10) + (hour == step->hour);
        all += count[hour];
        old = end;
        mayfly_text_printf(next, hour ? " %lu" : "%lu", count[hour]);
    }
    unsigned best = busiest(count);
    mayfly_text_printf(answer, "{\"fridge\":");
    mayfly_text_string(answer, step->fridge);
    mayfly_text_printf(answer, ",\"openings\":%lu,\"busiest_hour\":%u,\"openings_then\":%lu}", all,
                       best, count[best]);
    return true;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *message = mayfly_json_parse(event, body.data, body.bytes, &error);
    const char *fridge = mayfly_topic_level(event, 1), *door = mayfly_json_text(message, "door", "");
    double at = mayfly_json_number(message, "at", (double)time(NULL));
    struct step step = {.fridge = mayfly_json_text(message, "fridge", fridge ? fridge : "")};
    char key[KEY_BYTES];
    int bytes = snprintf(key, sizeof key, "fdc/%s", step.fridge);
    bool open = strcmp(door, "open") == 0;
    if (!*step.fridge || bytes >= (int)sizeof key || !(at >= 0 && at <= AT_MAX) ||
        (!open && strcmp(door, "closed") != 0)) {
        mayfly_answer(reply, 400, "application/json",
                      "{\"error\":\"a contact says {\\\"door\\\":\\\"open\\\",\\\"at\\\":seconds} or closed, for a fridge "
                      "in the topic or as fridge\"}\n");
        return;
    }
    if (!open) {
        mayfly_set_status(reply, 204);
        return;
    }
    step.hour = (unsigned)((uint64_t)at / 3600 % HOURS);
    const char *answer;
    enum mayfly_error failed = mayfly_once(event, key, count_opening, &step, &answer);
    if (failed)
        mayfly_fail(reply, "%s: %s: %s", key, mayfly_error_name(failed), mayfly_error_words(event));
    else
        mayfly_answer(reply, 200, "application/json", "%s\n", answer);
}
