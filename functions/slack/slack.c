/*
 * slack.c: an event with "text" becomes a message on a Slack-compatible incoming webhook:
 * POST {"text":…}, taken when it answers 200. Webhook and channel come from the event ("webhook",
 * "channel"), so that one deployment serves several workflows, else from the environment. A webhook that does not
 * answer fails the event, which is delivered again later; one that refuses the message (4xx) does not.
 * Without a webhook the message stands in the log.
 */
#include <mayfly_json.h>
#include <mayfly_state.h>
#include <string.h>

#define MESSAGE_BYTES 16384

static const char *first(const char *a, const char *b)
{
    return *a ? a : b;
}

static bool write_message(const struct mayfly_json *alarm, const char *id, struct mayfly_text *text)
{
    const char *channel = first(mayfly_json_text(alarm, "channel", ""), mayfly_env("CHANNEL", ""));
    mayfly_text_printf(text, "{\"text\":");
    mayfly_text_string(text, mayfly_json_text(alarm, "text", ""));
    if (*channel) {
        mayfly_text_printf(text, ",\"channel\":");
        mayfly_text_string(text, channel);
    }
    mayfly_text_printf(text, ",\"metadata\":{\"event_type\":\"mayfly\",\"event_payload\":{\"id\":");
    mayfly_text_string(text, id);
    mayfly_text_printf(text, "}}}");
    return !text->cut;
}

static void post(struct mayfly_event *event, struct mayfly_reply *reply, const char *url,
                 const struct mayfly_text *text)
{
    static const char *const headers[] = {"content-type", "application/json", NULL};
    struct mayfly_request request = {
        .method = "POST", .url = url, .headers = headers, .body = text->data, .bytes = text->bytes};
    struct mayfly_response response;
    enum mayfly_error failed = mayfly_fetch(event, &request, &response);
    if (failed == MAYFLY_DENIED || failed == MAYFLY_INVALID)
        mayfly_answer(reply, 422, "text/plain", "the webhook: %s\n", mayfly_error_words(event));
    else if (failed)
        mayfly_fail(reply, "the webhook: %s: %s", mayfly_error_name(failed), mayfly_error_words(event));
    else if (response.status >= 500 || response.status == 429 || response.status == 408)
        mayfly_fail(reply, "the webhook answered %u", response.status);
    else if (response.status != 200)
        mayfly_answer(reply, 422, "text/plain", "the webhook answered %u: %.200s\n", response.status,
                      response.body.data);
    else
        mayfly_set_status(reply, 204);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct mayfly_bytes body = mayfly_body(event);
    struct mayfly_json_error error;
    const struct mayfly_json *alarm = mayfly_json_parse(event, body.data, body.bytes, &error);
    const char *id = mayfly_header(event, "ce-id"), *call = mayfly_header(event, "x-call-id");
    const char *url = first(mayfly_json_text(alarm, "webhook", ""), mayfly_env("WEBHOOK", ""));
    struct mayfly_text text = {.data = mayfly_alloc(event, MESSAGE_BYTES), .room = MESSAGE_BYTES};
    if (!text.data) {
        mayfly_fail(reply, "no memory for the message");
    } else if (!*mayfly_json_text(alarm, "text", "")) {
        mayfly_answer(reply, 400, "text/plain",
                      "a message says {\"text\":\"...\",\"webhook\":\"https://...\"}\n");
    } else if (!*url) {
        mayfly_log(MAYFLY_WARN, "%.3000s", mayfly_json_text(alarm, "text", ""));
        mayfly_set_status(reply, 204);
    } else if (!write_message(alarm, mayfly_json_text(alarm, "id", id ? id : call ? call : ""), &text)) {
        mayfly_answer(reply, 413, "text/plain", "the message is too long for a webhook\n");
    } else {
        post(event, reply, url, &text);
    }
}
