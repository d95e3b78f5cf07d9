/*
 * fuzz_http_fields.c: HTTP to an event's fields and a reply's fields to HTTP. The first
 * byte says which way. To the event: a target, then name and value by turns, each ended
 * by a newline; what is written must be readable, and no header of the connection in
 * it. To HTTP: the bytes are the fields; what is allowed becomes a response.
 */
#include <stdlib.h>
#include <string.h>

#include "node/gateway/answer.h"
#include "node/gateway/request.h"

#define TEXT_MAX 40000

static void check(bool fact)
{
    if (!fact)
        abort();
}

/* The next part up to a newline, terminated in place; NULL: no more. */
static char *next_part(char **at, const char *end)
{
    if (*at >= end)
        return NULL;
    char *part = *at;
    char *newline = memchr(part, '\n', (size_t)(end - part));
    *at = newline ? newline + 1 : (char *)(uintptr_t)end;
    if (newline)
        *newline = 0;
    return part;
}

static void to_event(char *text, size_t bytes)
{
    static uint8_t data[MF_HEAD_BYTES_MAX];
    struct hop_by_hop hops = {0};
    struct target target;
    struct field_writer writer;
    char *at = text, *end = text + bytes, *name, *value;
    char *line = next_part(&at, end);
    if (!line || target_parse(line, &target) != MF_OK)
        return;
    check(target.path_bytes > 0);
    char *headers = at;
    field_writer_init(&writer, data, sizeof data);
    request_begin(&writer, "GET", &target);
    /* Both walks go over the same parts: the first ends them, so the second copies. */
    char *copy = malloc(bytes + 1);
    check(copy != NULL);
    memcpy(copy, text, bytes + 1);
    while ((name = next_part(&at, end)) && (value = next_part(&at, end)))
        if (strcmp(name, "connection") == 0)
            hop_by_hop_add(&hops, value, strlen(value));
    at = copy + (headers - text);
    while ((name = next_part(&at, copy + bytes)) && (value = next_part(&at, copy + bytes)))
        if (!header_stays(&hops, name, strlen(name)))
            field_put(&writer, MF_FIELD_HEADER, name, strlen(name), value, strlen(value));
    (void)call_id_valid(text, bytes);
    if (writer.err == MF_OK) {
        struct field_reader reader;
        struct field field;
        mf_err err;
        field_reader_init(&reader, data, writer.bytes, false);
        while ((err = field_next(&reader, &field)) == MF_OK)
            if (field.kind == MF_FIELD_HEADER)
                check(!header_stays(&hops, field.name, field.name_bytes));
        check(err == MF_ENOENT);
    }
    free(copy);
}

static void to_http(const uint8_t *data, size_t bytes)
{
    struct field_reader reader;
    struct field field;
    mf_err err;
    field_reader_init(&reader, data, (uint32_t)bytes, true);
    while ((err = field_next(&reader, &field)) == MF_OK)
        ;
    struct outcome outcome = {.situation = SITUATION_REPLIED, .status = 200, .fields = data,
                              .field_bytes = (uint32_t)bytes, .body = data, .body_bytes = bytes};
    struct error_place place = {(const char *)data, bytes, NULL};
    struct MHD_Response *response = NULL;
    if (err == MF_ENOENT)
        response = answer_reply(&outcome);
    if (response)
        MHD_destroy_response(response);
    outcome = (struct outcome){.situation = SITUATION_HANDLER_FAILED,
                               .message = (const char *)data, .message_bytes = bytes,
                               .instance_id = 1, .cause = "cause"};
    response = answer_error(&outcome, &place); /* any bytes: a guest's words */
    check(response != NULL);
    MHD_destroy_response(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 1 || bytes > TEXT_MAX)
        return 0;
    char *text = malloc(bytes);
    check(text != NULL);
    memcpy(text, data + 1, bytes - 1);
    text[bytes - 1] = 0;
    if (data[0] & 1)
        to_event(text, strlen(text));
    else
        to_http((const uint8_t *)text, bytes - 1);
    free(text);
    return 0;
}
