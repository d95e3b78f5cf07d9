/*
 * openwhisk.c: see openwhisk.h.
 * Guarantees: what is not JSON's alphabet in a name does not get into the JSON.
 * Leaves to others: the event's body, which is JSON or the action's to refuse. Owns nothing.
 */
#include "kernel/contract/openwhisk.h"

#include "abi/program.h"
#include "kernel/contract/http_request.h"
#include "kernel/contract/limits.h"
#include "kernel/core/boot.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/string.h"
#include "kernel/core/text.h"

#define NS_PER_MS 1000000ull

/* At most so many letters of a name, none that JSON would have escaped. */
static void add_plain(struct text *text, const char *name, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes && i < OPENWHISK_NAME_BYTES_MAX; i++) {
        const char letter[2] = {name[i], 0};
        if (name[i] > ' ' && name[i] < 0x7f && name[i] != '"' && name[i] != '\\')
            text_add(text, letter);
    }
}

static void add_name(struct text *text)
{
    const char *name = boot_environment(MF_ENV_FUNCTION);
    if (!name)
        name = "function";
    add_plain(text, name, (uint32_t)strlen(name));
}

/* The head for so long a body, then what is known of it. */
static uint32_t put(uint8_t *to, const char *path, const struct text *body, uint64_t more_bytes)
{
    struct text head = {.bytes = 0};
    text_add(&head, "POST ");
    text_add(&head, path);
    text_add(&head, " HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                    "content-length: ");
    text_decimal(&head, body->bytes + more_bytes);
    text_add(&head, "\r\n\r\n");
    memcpy(to, head.data, head.bytes);
    memcpy(to + head.bytes, body->data, body->bytes);
    return (uint32_t)(head.bytes + body->bytes);
}
_Static_assert(2 * LINE_BYTES <= HTTP_REQUEST_BYTES_MAX, "both fit");

uint32_t openwhisk_init(uint8_t *to)
{
    struct text body = {.bytes = 0};
    text_add(&body, "{\"value\":{\"name\":\"");
    add_name(&body);
    text_add(&body, "\",\"main\":\"main\",\"binary\":false,\"code\":\"\",\"env\":{}}}");
    return put(to, "/init", &body, 0);
}

uint32_t openwhisk_run(const struct exchange_event *event, uint8_t *to)
{
    uint64_t monotonic, realtime;
    struct text body = {.bytes = 0};
    const char *id;
    uint32_t id_bytes;
    hypercall_clock(&monotonic, &realtime);
    uint64_t left_ns = event->deadline_ns > monotonic ? event->deadline_ns - monotonic : 0;
    text_add(&body, "{\"activation_id\":\"");
    if (http_event_header(event->fields, event->field_bytes, "x-call-id", &id, &id_bytes))
        add_plain(&body, id, id_bytes);
    text_add(&body, "\",\"action_name\":\"/_/");
    add_name(&body);
    text_add(&body, "\",\"namespace\":\"_\",\"deadline\":\"");
    text_decimal(&body, (realtime + left_ns) / NS_PER_MS);
    text_add(&body, event->body_bytes ? "\",\"value\":" : "\",\"value\":{}" OPENWHISK_TAIL);
    uint64_t more = event->body_bytes ? event->body_bytes + sizeof OPENWHISK_TAIL - 1 : 0;
    return put(to, "/run", &body, more);
}
