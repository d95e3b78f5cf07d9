/*
 * fields.c: a reply's fields, checked before they leave, so that a handler learns of
 * a bad header where it makes it. The node checks again, for itself.
 * Guarantees: nothing outside the bytes given is read. Owns nothing.
 */
#include "kernel/event/fields.h"

#include "abi/event.h"
#include "kernel/core/string.h"

/* RFC 9110, 5.6.2, lower case only. */
static bool is_token(const uint8_t *name, uint32_t bytes)
{
    static const char other[] = "!#$%&'*+-.^_`|~";
    for (uint32_t i = 0; i < bytes; i++) {
        uint8_t c = name[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        for (uint32_t k = 0; !ok && k < sizeof other - 1; k++)
            ok = c == (uint8_t)other[k];
        if (!ok)
            return false;
    }
    return bytes != 0;
}

static bool is_value(const uint8_t *value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        if (value[i] == 0 || value[i] == '\r' || value[i] == '\n')
            return false;
    return true;
}

bool fields_valid_reply(const uint8_t *data, uint32_t bytes)
{
    uint32_t at = 0;
    for (uint32_t count = 0; at < bytes; count++) {
        struct mf_field field;
        if (count == MF_FIELDS_MAX || bytes - at < sizeof field)
            return false;
        memcpy(&field, data + at, sizeof field);
        at += (uint32_t)sizeof field;
        if (field.kind != MF_FIELD_HEADER || field.name_bytes > MF_FIELD_NAME_MAX ||
            field.value_bytes > MF_FIELD_VALUE_MAX)
            return false;
        if (field.name_bytes > bytes - at || field.value_bytes > bytes - at - field.name_bytes)
            return false;
        if (!is_token(data + at, field.name_bytes) ||
            !is_value(data + at + field.name_bytes, field.value_bytes))
            return false;
        at += field.name_bytes + field.value_bytes;
    }
    return true;
}
