/*
 * fuzz_cloudevent.c: bytes as one event in JSON, as a batch of them, as fields with ce- headers.
 * What is taken can be written as JSON and as headers, and read again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "node/events/cloudevent.h"
#include "node/events/json_scan.h"
#include "node/instance/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_same(const struct cloudevent *a, const struct cloudevent *b)
{
    mf_assert(a->count == b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct event_attribute *x = &a->attributes[i], *y = &b->attributes[i];
        mf_assert(x->name.bytes == y->name.bytes && x->value.bytes == y->value.bytes);
        mf_assert(memcmp(x->name.text, y->name.text, x->name.bytes) == 0);
        mf_assert(memcmp(x->value.text, y->value.text, x->value.bytes) == 0);
    }
}

static void check_fields(const struct cloudevent *event)
{
    static uint8_t fields[MF_HEAD_BYTES_MAX];
    static char room[MF_HEAD_BYTES_MAX];
    struct field_writer writer;
    struct cloudevent again;
    struct mf_why why = {{0}};
    field_writer_init(&writer, fields, sizeof fields);
    if (cloudevent_guest(event, "id", 1, &writer) != MF_OK) {
        mf_assert(writer.err == MF_ETOOBIG);
        return;
    }
    mf_assert(cloudevent_in_fields(fields, writer.bytes, false));
    mf_assert(cloudevent_read(fields, writer.bytes, false, room, &again, &why) == MF_OK);
    check_same(event, &again);
}

static void check(const struct cloudevent *event)
{
    struct mf_buf json = {0};
    struct cloudevent again;
    struct mf_why why = {{0}};
    mf_assert(cloudevent_check(event, NULL) == MF_OK);
    check_fields(event);
    mf_assert(cloudevent_write(event, &json) == MF_OK);
    mf_assert(json_scan_whole((char *)json.data, json.bytes));
    mf_assert(cloudevent_parse((char *)json.data, json.bytes, &again, &why) == MF_OK);
    check_same(event, &again);
    /* JSON loses the blanks around it, and null is nothing. */
    const uint8_t *data = event->data;
    size_t left = event->data_bytes;
    bool trimmed = again.data_bytes != event->data_bytes && json_scan_whole((char *)data, left);
    for (; trimmed && left && strchr(" \t\r\n", *data); left--)
        data++;
    mf_assert(trimmed ? again.data_bytes <= left : again.data_bytes == left);
    mf_assert(!again.data_bytes || memcmp(again.data, data, again.data_bytes) == 0);
    mf_buf_close(&json);
}

static void fuzz_batch(char *text, size_t bytes)
{
    struct cloudevent_batch batch;
    struct cloudevent event;
    struct mf_why why = {{0}};
    mf_err err = cloudevent_batch_open(&batch, text, bytes, &why);
    while (!err && (err = cloudevent_batch_next(&batch, &event, &why)) == MF_OK)
        check(&event);
    mf_assert(err == MF_ENOENT || why.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct cloudevent event;
    struct mf_why why = {{0}};
    char *text = malloc(bytes + !bytes), *room = malloc(bytes + !bytes);
    memcpy(text, data, bytes);
    bool plain = json_scan_whole(text, bytes);
    if (cloudevent_parse(text, bytes, &event, &why) == MF_OK) {
        mf_assert(plain);
        check(&event);
    } else {
        mf_assert(why.text[0]);
    }
    memcpy(text, data, bytes);
    fuzz_batch(text, bytes);
    if (bytes <= MF_HEAD_BYTES_MAX &&
        cloudevent_read(data, (uint32_t)bytes, false, room, &event, &why) == MF_OK)
        check(&event);
    free(text);
    free(room);
    return 0;
}
