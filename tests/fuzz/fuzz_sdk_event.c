/*
 * fuzz_sdk_event.c: text of a person to an event of a handler. Whatever the text is,
 * either it is refused with a line that exists, or the handler's view of it is
 * consistent: terminated strings, decoded parameters no longer than encoded, a body
 * within the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sdk/event.h"
#include "sdk/query.h"
#include "sdk/reply.h"
#include "sdk/text_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint8_t buffer[EVENT_BUFFER_BYTES + 1];
static struct mayfly_event event;
static struct mayfly_reply reply;

static void use(void)
{
    const char *name, *value;
    for (size_t at = 0; mayfly_each_header(&event, &at, &name, &value);) {
        mf_assert(name[0] && strlen(name) <= MF_FIELD_NAME_MAX);
        mf_assert(strlen(value) <= MF_FIELD_VALUE_MAX);
        mf_assert(mayfly_header(&event, name) != NULL);
    }
    mf_assert(mayfly_method(&event)[0] && mayfly_path(&event)[0] == '/');
    const char *found;
    size_t length;
    if (query_find(mayfly_query(&event), "n", &found, &length)) {
        const char *decoded = mayfly_parameter(&event, "n");
        mf_assert(decoded && strlen(decoded) <= length);
    }
    const char *subject = mayfly_header(&event, "ce-subject"), *topic = mayfly_topic(&event);
    mf_assert(!subject || mayfly_header(&event, "ce-mqtttopic") || strlen(topic) <= strlen(subject));
    const char *level = mayfly_topic_level(&event, 1);
    mf_assert(!level || (!strchr(level, '/') && strlen(level) < strlen(topic)));
    struct mayfly_bytes body = mayfly_body(&event);
    mf_assert(body.data[body.bytes] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct text_event text = {.fields.data = buffer};
    char *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, data, bytes);
    const char *fault = text_event_parse(exact, bytes, &text);
    if (fault) {
        mf_assert(text.line > 0 && text.line <= bytes + 1);
        free(exact);
        return 0;
    }
    mf_assert(text.body_offset <= bytes && text.body_bytes <= bytes - text.body_offset);
    size_t room = EVENT_BUFFER_BYTES - text.fields.bytes;
    size_t body = text.body_bytes < room ? text.body_bytes : room;
    memcpy(buffer + text.fields.bytes, exact + text.body_offset, body);
    free(exact);
    struct mf_call_event call = {
        .field_bytes = text.fields.bytes, .body_bytes = (uint32_t)body, .flags = MF_CALL_END};
    arena_reset(&event.arena);
    reply_open(&reply);
    mf_assert(event_open(&event, &call, buffer, &reply) == NULL);
    use();
    event_close(&event);
    return 0;
}
