/*
 * event.c: the fields of abi/event.h, written and read.
 * Guarantees: what is written can be read; what is read keeps every rule of
 * abi/event.h, and lies inside the bytes given.
 * Leaves to others: what the fields mean. Owns nothing. Any thread.
 */
#include "node/instance/event.h"

#include <string.h>

struct field_rule {
    bool known, in_event, in_reply;
};

static const struct field_rule rule[] = {
#define RULE(nr, NAME, event, reply, meaning) [nr] = {true, event, reply},
    MF_FIELDS(RULE)
#undef RULE
};
#define RULE_COUNT (sizeof rule / sizeof rule[0])
#define KIND_BIT(kind) (1u << (kind))
_Static_assert(RULE_COUNT <= 32, "kinds seen fit a word");

static bool token(const uint8_t *name, size_t bytes, bool lower_only);
static bool one_line(const void *value, size_t bytes);
static mf_err end_of_fields(const struct field_reader *reader);

void field_writer_init(struct field_writer *writer, void *data, uint32_t room)
{
    *writer = (struct field_writer){.data = data,
                                    .room = room < MF_HEAD_BYTES_MAX ? room : MF_HEAD_BYTES_MAX};
}

void field_put(struct field_writer *writer, enum mf_field_kind kind, const char *name,
               size_t name_bytes, const char *value, size_t value_bytes)
{
    mf_assert((unsigned)kind < RULE_COUNT && rule[kind].known);
    if (writer->err)
        return;
    if (kind == MF_FIELD_HEADER ? !token((const uint8_t *)name, name_bytes, false) : name_bytes != 0)
        writer->err = MF_EINVAL;
    else if (!one_line(value, value_bytes))
        writer->err = MF_EINVAL;
    else if (name_bytes > MF_FIELD_NAME_MAX || value_bytes > MF_FIELD_VALUE_MAX ||
             writer->count == MF_FIELDS_MAX ||
             sizeof(struct mf_field) + name_bytes + value_bytes > writer->room - writer->bytes)
        writer->err = MF_ETOOBIG;
    if (writer->err)
        return;
    struct mf_field field = {(uint16_t)kind, (uint16_t)name_bytes, (uint32_t)value_bytes};
    uint8_t *at = writer->data + writer->bytes;
    memcpy(at, &field, sizeof field);
    at += sizeof field;
    for (size_t i = 0; i < name_bytes; i++)
        *at++ = (uint8_t)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    if (value_bytes)
        memcpy(at, value, value_bytes);
    writer->bytes += (uint32_t)(sizeof field + name_bytes + value_bytes);
    writer->count++;
}

void field_reader_init(struct field_reader *reader, const void *data, uint32_t bytes, bool reply)
{
    *reader = (struct field_reader){.data = data, .bytes = bytes, .reply = reply};
}

mf_err field_next(struct field_reader *reader, struct field *field)
{
    if (reader->at == reader->bytes)
        return end_of_fields(reader);
    uint32_t left = reader->bytes - reader->at;
    struct mf_field head;
    if (reader->bytes > MF_HEAD_BYTES_MAX || left < sizeof head || reader->count == MF_FIELDS_MAX)
        return MF_EPROTO;
    memcpy(&head, reader->data + reader->at, sizeof head);
    left -= (uint32_t)sizeof head;
    if (head.kind >= RULE_COUNT || !rule[head.kind].known ||
        !(reader->reply ? rule[head.kind].in_reply : rule[head.kind].in_event))
        return MF_EPROTO;
    if (head.name_bytes > MF_FIELD_NAME_MAX || head.value_bytes > MF_FIELD_VALUE_MAX ||
        head.name_bytes > left || head.value_bytes > left - head.name_bytes)
        return MF_EPROTO;
    const uint8_t *name = reader->data + reader->at + sizeof head;
    const uint8_t *value = name + head.name_bytes;
    bool header = head.kind == MF_FIELD_HEADER;
    if (header ? !token(name, head.name_bytes, true) : head.name_bytes != 0)
        return MF_EPROTO;
    if (!header && (reader->seen & KIND_BIT(head.kind)))
        return MF_EPROTO;
    if (!one_line(value, head.value_bytes))
        return MF_EPROTO;
    reader->seen |= KIND_BIT(head.kind);
    reader->at += (uint32_t)sizeof head + head.name_bytes + head.value_bytes;
    reader->count++;
    *field = (struct field){(enum mf_field_kind)head.kind, (const char *)name, head.name_bytes,
                            (const char *)value, head.value_bytes};
    return MF_OK;
}

/* An HTTP event has METHOD and PATH, every other has TYPE and none of HTTP's. */
static mf_err end_of_fields(const struct field_reader *reader)
{
    const uint32_t http = KIND_BIT(MF_FIELD_METHOD) | KIND_BIT(MF_FIELD_PATH);
    const uint32_t type = KIND_BIT(MF_FIELD_TYPE);
    if (reader->reply)
        return MF_ENOENT;
    if ((reader->seen & (http | type)) == http || (reader->seen & (http | type)) == type)
        return MF_ENOENT;
    return MF_EPROTO;
}

/* RFC 9110, 5.6.2: token = 1*tchar. A table, for every name of every event is looked at several times. */
static bool token(const uint8_t *name, size_t bytes, bool lower_only)
{
    enum { TCHAR = 1, UPPER = 2 };
    static const uint8_t tchar[256] = {
        ['0' ... '9'] = TCHAR, ['a' ... 'z'] = TCHAR, ['A' ... 'Z'] = UPPER,
        ['!'] = TCHAR, ['#'] = TCHAR, ['$'] = TCHAR, ['%'] = TCHAR, ['&'] = TCHAR, ['\''] = TCHAR, ['*'] = TCHAR,
        ['+'] = TCHAR, ['-'] = TCHAR, ['.'] = TCHAR, ['^'] = TCHAR, ['_'] = TCHAR, ['`'] = TCHAR, ['|'] = TCHAR,
        ['~'] = TCHAR,
    };
    const uint8_t allowed = lower_only ? TCHAR : TCHAR | UPPER;
    for (size_t i = 0; i < bytes; i++)
        if (!(tchar[name[i]] & allowed))
            return false;
    return bytes > 0;
}

static bool one_line(const void *value, size_t bytes)
{
    return bytes == 0 || (!memchr(value, 0, bytes) && !memchr(value, '\r', bytes) &&
                          !memchr(value, '\n', bytes));
}
