/*
 * siren.c: an alarm of the cold chain, published for the lamp and the horn in the shop itself: on
 * shop/SHOP/alarm, retained, so that a lamp that was off knows. It needs the shop's broker, no uplink.
 */
#include <mayfly_json.h>
#include <stdio.h>
#include <string.h>

#define TOPIC_BYTES 160

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *alarm = mayfly_json_parse(event, body.data, body.bytes, &error);
    const char *shop = mayfly_json_text(alarm, "shop", "");
    char topic[TOPIC_BYTES];
    int bytes = snprintf(topic, sizeof topic, "shop/%s/alarm", shop);
    if (!*shop || strpbrk(shop, "/+#") || bytes >= (int)sizeof topic) {
        mayfly_answer(reply, 400, "text/plain", "an alarm names its shop\n");
        return;
    }
    if (mayfly_publish(event, topic, body.data, body.bytes, 1, true) != MAYFLY_OK)
        mayfly_fail(reply, "%s: %s", topic, mayfly_error_words(event));
    else
        mayfly_set_status(reply, 204);
}
