/*
 * lights.c: a motion sensor's message, {"motion":true} on lights/ROOM/motion, switches the bulb of the
 * room by "on" or "off" on lights/ROOM/bulb, retained so that a bulb that comes back knows. Over
 * HTTP the room stands in the body: {"motion":false,"room":"hall"}.
 */
#include <mayfly_json.h>
#include <stdio.h>
#include <string.h>

#define TOPIC_BYTES 160

static void refuse(struct mayfly_reply *reply, const char *what)
{
    mayfly_answer(reply, 400, "application/json", "{\"error\":\"%s\"}\n", what);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *message = mayfly_json_parse(event, body.data, body.bytes, &error);
    const struct mayfly_json *motion = mayfly_json_member(message, "motion");
    if (!motion || motion->kind != MAYFLY_JSON_BOOL) {
        refuse(reply, "a motion sensor says {\\\"motion\\\":true} or false");
        return;
    }
    const char *room = mayfly_topic_level(event, 1);
    room = mayfly_json_text(message, "room", room ? room : "");
    char topic[TOPIC_BYTES];
    int bytes = snprintf(topic, sizeof topic, "lights/%s/bulb", room);
    if (!*room || strpbrk(room, "/+#") || bytes >= (int)sizeof topic) {
        refuse(reply, "which room? its name stands in the topic, or as room");
        return;
    }
    const char *light = motion->boolean ? "on" : "off";
    if (mayfly_publish(event, topic, light, strlen(light), 1, true) != MAYFLY_OK) {
        mayfly_fail(reply, "%s: %s", topic, mayfly_error_words(event));
        return;
    }
    mayfly_answer(reply, 200, "application/json", "{\"bulb\":\"%s\",\"room\":", light);
    mayfly_json_write_string(reply, room);
    mayfly_puts(reply, "}\n");
}
