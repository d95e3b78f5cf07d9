/* run_output.c: replies of `mayfly run` on standard output, plain or as JSON lines. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"
#include "node/instance/event.h"

void run_print_reply(const struct session *session, bool with_head)
{
    if (with_head) {
        struct field_reader reader;
        struct field field;
        printf("HTTP/1.1 %u \r\n", session->status);
        field_reader_init(&reader, session->head.data, (uint32_t)session->head.bytes, true);
        while (field_next(&reader, &field) == MF_OK)
            printf("%.*s: %.*s\r\n", (int)field.name_bytes, field.name, (int)field.value_bytes,
                   field.value);
        printf("\r\n");
    }
    if (session->body.bytes)
        (void)fwrite(session->body.data, 1, session->body.bytes, stdout);
    (void)fflush(stdout); /* main() reports a failure */
}

void run_print_partial(const struct session *session)
{
    const struct mf_buf *came = session->outcome == SESSION_FAILED ? &session->partial : &session->body;
    if (came->bytes)
        (void)fwrite(came->data, 1, came->bytes, stdout);
    (void)fflush(stdout); /* main() reports a failure */
}

/* A header that came twice is one with a comma (RFC 9110, 5.2). Bytes that are no
 * UTF-8 cannot stand in JSON: read as Latin-1, as HTTP once did. */
static json_t *text_to_json(const char *text, size_t bytes)
{
    json_t *plain = json_stringn(text, bytes);
    if (plain)
        return plain;
    struct mf_buf wide = {0};
    for (size_t i = 0; i < bytes; i++) {
        uint8_t c = (uint8_t)text[i];
        const uint8_t two[2] = {(uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 0x3f))};
        if (mf_buf_add(&wide, c < 0x80 ? &c : two, c < 0x80 ? 1 : 2))
            break;
    }
    plain = json_stringn((const char *)wide.data, wide.bytes);
    mf_buf_close(&wide);
    return plain;
}

static mf_err headers_to_json(const struct session *session, json_t *headers)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, session->head.data, (uint32_t)session->head.bytes, true);
    while (field_next(&reader, &field) == MF_OK) {
        char name[MF_FIELD_NAME_MAX + 1];
        memcpy(name, field.name, field.name_bytes);
        name[field.name_bytes] = 0;
        json_t *value = text_to_json(field.value, field.value_bytes);
        const json_t *before = json_object_get(headers, name);
        if (before && value) {
            json_t *both = json_sprintf("%s, %s", json_string_value(before),
                                        json_string_value(value));
            json_decref(value);
            value = both;
        }
        if (json_object_set_new(headers, name, value) != 0)
            return MF_ENOMEM;
    }
    return MF_OK;
}

static int set_body(json_t *object, const struct session *session)
{
    const char *body = session->body.bytes ? (const char *)session->body.data : "";
    json_t *plain = json_stringn(body, session->body.bytes);
    if (plain)
        return json_object_set_new(object, "body", plain);
    size_t room = sodium_base64_ENCODED_LEN(session->body.bytes, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = malloc(room);
    if (!encoded)
        return -1;
    (void)sodium_bin2base64(encoded, room, session->body.data, session->body.bytes,
                            sodium_base64_VARIANT_ORIGINAL);
    int failed = json_object_set_new(object, "body_base64", json_string(encoded));
    free(encoded);
    return failed;
}

mf_err run_print_reply_json(const struct session *session, struct mf_why *why)
{
    json_t *object = json_object(), *headers = NULL;
    bool failed = !object;
    switch (session->outcome) {
    case SESSION_REPLIED:
        headers = json_object();
        failed |= json_object_set_new(object, "status", json_integer(session->status)) != 0 ||
                  headers_to_json(session, headers) != MF_OK ||
                  json_object_set(object, "headers", headers) != 0 ||
                  set_body(object, session) != 0;
        break;
    case SESSION_FAILED:
        failed |= json_object_set_new(object, "error",
                                      text_to_json((const char *)session->body.data,
                                                   session->body.bytes)) != 0;
        break;
    case SESSION_LOST:
    case SESSION_PENDING:
        failed |= json_object_set_new(object, "cause", json_string(session->cause)) != 0 ||
                  json_object_set_new(object, "error", json_string(session->why.text)) != 0;
        break;
    }
    if (!failed) {
        failed = json_dumpf(object, stdout, JSON_COMPACT) != 0;
        putchar('\n');
        failed |= fflush(stdout) != 0;
    }
    json_decref(headers);
    json_decref(object);
    return failed ? mf_why(why, MF_EIO, "standard output: the reply cannot be written") : MF_OK;
}
