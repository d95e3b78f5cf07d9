/*
 * cloudevent_fields.c: CloudEvents in binary mode: headers of HTTP, fields of events
 * (cloudevent.h).
 * Guarantees: decoded once; what is not UTF-8 afterwards is refused.
 */
#include <string.h>

#include "base/line.h"
#include "base/url_text.h"
#include "node/delivery/envelope.h"
#include "node/events/cloudevent.h"
#include "node/instance/event.h"

static const char prefix[] = "ce-";
#define PREFIX_BYTES (sizeof prefix - 1)

static mf_err take_header(const struct field *field, char **room, bool *has_version,
                          struct cloudevent *event, struct mf_why *why);

static bool named(const struct field *field, const char *name)
{
    return field->kind == MF_FIELD_HEADER && field->name_bytes == strlen(name) &&
           memcmp(field->name, name, field->name_bytes) == 0;
}

bool cloudevent_in_fields(const uint8_t *fields, uint32_t field_bytes, bool reply)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, fields, field_bytes, reply);
    while (field_next(&reader, &field) == MF_OK)
        if (named(&field, "ce-specversion"))
            return true;
    return false;
}

mf_err cloudevent_read(const uint8_t *fields, uint32_t field_bytes, bool reply, char *room,
                       struct cloudevent *event, struct mf_why *why)
{
    struct field_reader reader;
    struct field field;
    bool has_version = false;
    mf_err err;
    cloudevent_init(event);
    field_reader_init(&reader, fields, field_bytes, reply);
    while ((err = field_next(&reader, &field)) == MF_OK) {
        err = take_header(&field, &room, &has_version, event, why);
        if (err)
            return err;
    }
    if (err != MF_ENOENT)
        return err;
    if (!has_version)
        return mf_why(why, MF_EINVAL, "ce-specversion is missing");
    return cloudevent_check(event, why);
}

/* HTTP protocol binding 1.0.2, 3.1.3.2. */
static void put_encoded(struct field_writer *writer, const char *name, size_t name_bytes,
                        struct event_text value)
{
    static const char hex[] = "0123456789ABCDEF";
    char room[3 * MF_EVENT_VALUE_BYTES_MAX];
    size_t bytes = 0;
    mf_assert(value.bytes <= MF_EVENT_VALUE_BYTES_MAX);
    for (size_t i = 0; i < value.bytes; i++) {
        unsigned char c = (unsigned char)value.text[i];
        if (c > ' ' && c <= '~' && c != '"' && c != '%') {
            room[bytes++] = (char)c;
            continue;
        }
        room[bytes++] = '%';
        room[bytes++] = hex[c >> 4];
        room[bytes++] = hex[c & 15];
    }
    field_put(writer, MF_FIELD_HEADER, name, name_bytes, room, bytes);
}
_Static_assert(3 * MF_EVENT_VALUE_BYTES_MAX <= MF_FIELD_VALUE_MAX, "a value fits, encoded");

void cloudevent_put(const struct cloudevent *event, struct field_writer *writer)
{
    field_put(writer, MF_FIELD_HEADER, "ce-specversion", 14, "1.0", 3);
    for (uint32_t i = 0; i < event->count; i++) {
        const struct event_attribute *attribute = &event->attributes[i];
        char name[PREFIX_BYTES + MF_EVENT_NAME_BYTES_MAX];
        if (attribute->name.bytes == 15 && memcmp(attribute->name.text, "datacontenttype", 15) == 0) {
            field_put(writer, MF_FIELD_HEADER, "content-type", 12, attribute->value.text,
                      attribute->value.bytes);
            continue;
        }
        memcpy(name, prefix, PREFIX_BYTES);
        memcpy(name + PREFIX_BYTES, attribute->name.text, attribute->name.bytes);
        put_encoded(writer, name, PREFIX_BYTES + attribute->name.bytes, attribute->value);
    }
}

mf_err cloudevent_guest(const struct cloudevent *event, const char *call_id, uint64_t arrived_ns,
                        struct field_writer *writer)
{
    struct event_text type = cloudevent_get(event, "type");
    struct line start_time = {0};
    line_number(&start_time, arrived_ns, 1);
    mf_assert(type.text);
    field_put(writer, MF_FIELD_TYPE, NULL, 0, type.text, type.bytes);
    cloudevent_put(event, writer);
    field_put(writer, MF_FIELD_HEADER, "x-call-id", 9, call_id, strlen(call_id));
    field_put(writer, MF_FIELD_HEADER, "x-start-time", 12, start_time.text, start_time.bytes);
    field_put(writer, MF_FIELD_HEADER, ATTEMPT_HEADER, sizeof ATTEMPT_HEADER - 1, ATTEMPT_ROOM,
              sizeof ATTEMPT_ROOM - 1);
    return writer->err;
}

/* A header's value to the attribute's: a quoted string first loses its quotes (as senders of
 * older versions wrote it), then %XX are decoded, once. A lone % is one: senders that encode
 * nothing send it so. */
struct event_text cloudevent_decode(struct event_text value, char **room)
{
    const char *at = value.text, *end = at + value.bytes;
    char *from = *room, *to = from;
    bool quoted = value.bytes >= 2 && *at == '"' && end[-1] == '"';
    if (!quoted && !memchr(at, '%', value.bytes))
        return value;
    for (at += quoted, end -= quoted; at < end; at++) {
        if (quoted && *at == '\\' && at + 1 < end)
            at++;
        *to++ = *at;
    }
    at = from;
    end = to;
    for (to = from; at < end; at++) {
        int high = end - at > 2 && *at == '%' ? mf_hex_digit(at[1]) : -1;
        int low = high >= 0 ? mf_hex_digit(at[2]) : -1;
        if (low < 0) {
            *to++ = *at;
            continue;
        }
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *room = to;
    return (struct event_text){from, (size_t)(to - from)};
}

/* The attribute's name: the header's without its prefix, in storage that has a NUL. */
static const char *name_of(const struct field *field, char **room)
{
    char *name = *room;
    size_t bytes = field->name_bytes - PREFIX_BYTES;
    memcpy(name, field->name + PREFIX_BYTES, bytes);
    name[bytes] = 0;
    *room += bytes + 1; /* the prefix is longer than a NUL: names fit where fields did */
    return name;
}

static bool letters(const char *name)
{
    for (; *name; name++)
        if (!((*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9')))
            return false;
    return true;
}

static mf_err take_header(const struct field *field, char **room, bool *has_version,
                          struct cloudevent *event, struct mf_why *why)
{
    const struct event_text plain = {field->value, field->value_bytes};
    struct mf_why inner = {{0}};
    mf_err err = MF_OK;
    if (named(field, "content-type")) {
        err = cloudevent_get(event, "datacontenttype").text
                  ? mf_why(&inner, MF_EINVAL, "it stands there twice")
                  : cloudevent_set(event, "datacontenttype", plain, &inner);
    } else if (named(field, "ce-specversion")) {
        if (*has_version || plain.bytes != 3 || memcmp(plain.text, "1.0", 3) != 0)
            err = mf_why(&inner, MF_EINVAL, "it is 1.0, once; other versions are not known here");
        *has_version = true;
    } else if (field->kind == MF_FIELD_HEADER && field->name_bytes > PREFIX_BYTES &&
               memcmp(field->name, prefix, PREFIX_BYTES) == 0) {
        const char *name = name_of(field, room);
        if (!letters(name)) /* some other header */
            return MF_OK;
        err = strcmp(name, "datacontenttype") == 0
                  ? mf_why(&inner, MF_EINVAL, "that stands in Content-Type")
              : cloudevent_get(event, name).text
                  ? mf_why(&inner, MF_EINVAL, "it stands there twice")
                  : cloudevent_set(event, name, cloudevent_decode(plain, room), &inner);
    }
    return err ? mf_why(why, err, "header %.*s: %.*s", (int)field->name_bytes, field->name,
                        (int)sizeof inner.text - 96, mf_why_text(&inner, err))
               : MF_OK;
}
