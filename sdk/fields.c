/* fields.c: fields to bytes and back, no allocation. */
#include "sdk/fields.h"

#include <string.h>

bool fields_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static const char *name_fault(const char *name, size_t bytes)
{
    if (bytes == 0)
        return "the header's name is empty";
    if (bytes > MF_FIELD_NAME_MAX)
        return "the header's name is longer than 256 bytes";
    for (size_t i = 0; i < bytes; i++)
        if (!fields_token_char((unsigned char)name[i]))
            return "the header's name has a character that RFC 9110 does not allow there";
    return NULL;
}

static const char *value_fault(const char *value, size_t bytes)
{
    if (bytes > MF_FIELD_VALUE_MAX)
        return "the value is longer than 16384 bytes";
    for (size_t i = 0; i < bytes; i++)
        if (value[i] == 0 || value[i] == '\r' || value[i] == '\n')
            return "the value has a line break or a NUL";
    return NULL;
}

const char *fields_add(struct fields *fields, enum mf_field_kind kind, const char *name,
                       size_t name_bytes, const char *value, size_t value_bytes)
{
    const char *fault = kind == MF_FIELD_HEADER ? name_fault(name, name_bytes) : NULL;
    if (!fault)
        fault = value_fault(value, value_bytes);
    if (fault)
        return fault;
    struct mf_field head = {(uint16_t)kind, (uint16_t)name_bytes, (uint32_t)value_bytes};
    size_t whole = sizeof head + name_bytes + value_bytes;
    if (fields->count == MF_FIELDS_MAX)
        return "more than 128 fields";
    if (whole > MF_HEAD_BYTES_MAX - fields->bytes)
        return "all headers together are longer than 32768 bytes";
    uint8_t *to = fields->data + fields->bytes;
    memcpy(to, &head, sizeof head);
    to += sizeof head;
    for (size_t i = 0; i < name_bytes; i++) {
        char c = name[i];
        *to++ = (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    memcpy(to, value, value_bytes);
    fields->bytes += (uint32_t)whole;
    fields->count++;
    return NULL;
}

bool fields_unpack(uint8_t *data, uint32_t bytes, uint32_t *at, struct field *field)
{
    struct mf_field head;
    if (sizeof head > bytes - *at)
        return false;
    memcpy(&head, data + *at, sizeof head);
    uint32_t left = bytes - *at - (uint32_t)sizeof head;
    if (head.name_bytes > left || head.value_bytes > left - head.name_bytes)
        return false;
    char *name = (char *)data + *at;
    const char *packed = name + sizeof head;
    char *value = name + head.name_bytes + 1;
    memmove(name, packed, head.name_bytes);
    name[head.name_bytes] = 0;
    memmove(value, packed + head.name_bytes, head.value_bytes);
    value[head.value_bytes] = 0;
    *field = (struct field){head.kind, name, value, head.value_bytes};
    *at += (uint32_t)sizeof head + head.name_bytes + head.value_bytes;
    return true;
}
