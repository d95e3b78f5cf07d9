/*
 * run_input.c: events of `mayfly run` from text and from JSON. The input is the
 * user's own, and still bounded: one event is 6 MiB of body and 32 KiB of head.
 */
#include <sodium.h>
#include <string.h>

#include "abi/channel.h"
#include "cli/run.h"
#include "sdk/text_event.h"

#define TEXT_BYTES_MAX (MF_BODY_BYTES_MAX + MF_HEAD_BYTES_MAX)
#define LINE_BYTES_MAX (6 * MF_BODY_BYTES_MAX + 6 * MF_HEAD_BYTES_MAX) /* all of it as \u00xx */

mf_err run_read_all(FILE *stream, struct mf_buf *input, struct mf_why *why)
{
    char piece[65536];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, stream)) > 0) {
        mf_err err = mf_buf_add(input, piece, got);
        if (err)
            return mf_why(why, err, "standard input: out of memory");
        if (input->bytes > TEXT_BYTES_MAX)
            return mf_why(why, MF_ETOOBIG, "standard input: an event's body has %u bytes at most",
                          MF_BODY_BYTES_MAX);
    }
    return ferror(stream) ? mf_why(why, MF_EIO, "standard input: cannot be read") : MF_OK;
}

mf_err run_read_line(FILE *stream, struct mf_buf *line, struct mf_why *why)
{
    mf_buf_drop(line, line->bytes);
    int c;
    while ((c = getc_unlocked(stream)) != EOF && c != '\n') {
        char byte = (char)c;
        if (mf_buf_add(line, &byte, 1))
            return mf_why(why, MF_ENOMEM, "standard input: out of memory");
        if (line->bytes > LINE_BYTES_MAX)
            return mf_why(why, MF_ETOOBIG, "standard input: a line of more than %u bytes",
                          LINE_BYTES_MAX);
    }
    if (ferror(stream))
        return mf_why(why, MF_EIO, "standard input: cannot be read");
    return c == EOF && line->bytes == 0 ? MF_ENOENT : MF_OK;
}

static mf_err body_fits(const struct run_event *event, struct mf_why *why)
{
    if (event->body_bytes <= MF_BODY_BYTES_MAX)
        return MF_OK;
    return mf_why(why, MF_ETOOBIG, "the event's body has %zu bytes; %u are allowed",
                  event->body_bytes, MF_BODY_BYTES_MAX);
}

mf_err run_event_from_text(const struct mf_buf *text, struct run_event *event, struct mf_why *why)
{
    struct text_event parsed = {.fields.data = event->head};
    const char *bytes = text->bytes ? (const char *)text->data : "";
    const char *fault = text_event_parse(bytes, text->bytes, &parsed);
    if (fault)
        return mf_why(why, MF_EINVAL, "standard input, line %zu: %s", parsed.line, fault);
    event->head_bytes = parsed.fields.bytes;
    event->body = bytes + parsed.body_offset;
    event->body_bytes = parsed.body_bytes;
    return body_fits(event, why);
}

static mf_err add(struct fields *fields, enum mf_field_kind kind, const char *key,
                  const char *name, const json_t *value, struct mf_why *why)
{
    if (!json_is_string(value))
        return mf_why(why, MF_EINVAL, "event: \"%s\" is no string", key);
    const char *fault = fields_add(fields, kind, name, strlen(name), json_string_value(value),
                                   json_string_length(value));
    return fault ? mf_why(why, MF_EINVAL, "event: \"%s\": %s", key, fault) : MF_OK;
}

static mf_err add_headers(struct fields *fields, json_t *headers, struct mf_why *why)
{
    if (!json_is_object(headers))
        return mf_why(why, MF_EINVAL, "event: \"headers\" is no object");
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        mf_err err = add(fields, MF_FIELD_HEADER, name, name, value, why);
        if (err)
            return err;
    }
    return MF_OK;
}

static mf_err decode_base64(const json_t *value, struct run_event *event, struct mf_why *why)
{
    const char *text = json_string_value(value);
    size_t bytes = json_string_length(value);
    mf_err err = mf_buf_add(&event->decoded, text ? text : "", bytes); /* room enough */
    if (err)
        return mf_why(why, err, "event: out of memory");
    if (bytes && sodium_base642bin(event->decoded.data, bytes, text, bytes, NULL,
                                   &event->decoded.bytes, NULL,
                                   sodium_base64_VARIANT_ORIGINAL) != 0)
        return mf_why(why, MF_EINVAL, "event: \"body_base64\" is not base64 (RFC 4648, 4)");
    event->body = (const char *)event->decoded.data;
    event->body_bytes = event->decoded.bytes;
    return MF_OK;
}

/* One key of the object; method, path, query and type become fields. */
static mf_err add_key(const char *key, json_t *value, struct fields *fields,
                      struct run_event *event, struct mf_why *why)
{
    static const struct {
        const char *key;
        enum mf_field_kind kind;
    } plain[] = {{"method", MF_FIELD_METHOD}, {"path", MF_FIELD_PATH}, {"query", MF_FIELD_QUERY},
                 {"type", MF_FIELD_TYPE}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(key, plain[i].key) == 0)
            return add(fields, plain[i].kind, key, "", value, why);
    if (strcmp(key, "headers") == 0)
        return add_headers(fields, value, why);
    if (strcmp(key, "body_base64") == 0 && json_is_string(value))
        return decode_base64(value, event, why);
    if (strcmp(key, "body") != 0 && strcmp(key, "body_base64") != 0)
        return mf_why(why, MF_EINVAL, "event: unknown key \"%s\"", key);
    if (!json_is_string(value))
        return mf_why(why, MF_EINVAL, "event: \"%s\" is no string", key);
    event->body = json_string_value(value);
    event->body_bytes = json_string_length(value);
    return MF_OK;
}

mf_err run_event_from_json(const struct mf_buf *line, struct run_event *event, struct mf_why *why)
{
    json_error_t error;
    event->json = json_loadb((const char *)line->data, line->bytes,
                             JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json_is_object(event->json))
        return mf_why(why, MF_EINVAL, "event: not a JSON object: %s",
                      event->json ? "something else" : error.text);
    struct fields fields = {.data = event->head};
    bool typed = json_object_get(event->json, "type") != NULL;
    const char *key, *fault = NULL;
    json_t *value;
    json_object_foreach(event->json, key, value)
    {
        mf_err err = add_key(key, value, &fields, event, why);
        if (err)
            return err;
    }
    if (typed && (json_object_get(event->json, "method") || json_object_get(event->json, "path")))
        return mf_why(why, MF_EINVAL, "event: \"type\" stands in place of \"method\" and \"path\"");
    if (!typed && !json_object_get(event->json, "method"))
        fault = fields_add(&fields, MF_FIELD_METHOD, "", 0, "POST", 4);
    if (!fault && !typed && !json_object_get(event->json, "path"))
        fault = fields_add(&fields, MF_FIELD_PATH, "", 0, "/", 1);
    if (fault)
        return mf_why(why, MF_EINVAL, "event: %s", fault);
    event->head_bytes = fields.bytes;
    return body_fits(event, why);
}

void run_event_close(struct run_event *event)
{
    json_decref(event->json);
    event->json = NULL;
    mf_buf_close(&event->decoded);
    event->body = NULL;
    event->body_bytes = 0;
}
