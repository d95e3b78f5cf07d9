/*
 * cloudevent_json.c: CloudEvents as JSON, one and in lists (cloudevent.h).
 * Guarantees: what is taken is checked whole; no memory but for what is written.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "node/events/cloudevent.h"
#include "node/events/json_scan.h"

/* What is known of an object so far. */
struct parse {
    struct cloudevent *event;
    struct json_scan data;
    enum json_scanned data_kind;
    bool has_data, has_base64, has_version;
};

static mf_err take_member(struct parse *parse, struct json_scan *key, enum json_scanned kind,
                          struct json_scan *value, struct mf_why *why);
static mf_err settle_data(struct parse *parse, struct mf_why *why);
static mf_err write_string(struct mf_buf *json, struct event_text text);
static mf_err write_data(const struct cloudevent *event, struct mf_buf *json);

static mf_err bad_json(const char *json, const struct json_scan *scan, struct mf_why *why)
{
    return mf_why(why, MF_EINVAL, "no JSON, or nested more than %u deep, at byte %zu",
                  MF_JSON_DEPTH_MAX, (size_t)(scan->at - json) + 1);
}

mf_err cloudevent_parse(char *json, size_t bytes, struct cloudevent *event, struct mf_why *why)
{
    struct parse parse = {.event = event};
    struct json_scan scan = {json, json + bytes}, key, value;
    enum json_scanned kind;
    bool first = true;
    cloudevent_init(event);
    if (!json_scan_take(&scan, '{'))
        return mf_why(why, MF_EINVAL, "an event is a JSON object");
    while (!json_scan_take(&scan, '}')) {
        if (!first && !json_scan_take(&scan, ','))
            return bad_json(json, &scan, why);
        first = false;
        if (!json_scan_value(&scan, &kind, &key) || kind != JSON_SCANNED_STRING ||
            !json_scan_take(&scan, ':') || !json_scan_value(&scan, &kind, &value))
            return bad_json(json, &scan, why);
        mf_err err = take_member(&parse, &key, kind, &value, why);
        if (err)
            return err;
    }
    if (!json_scan_end(&scan))
        return mf_why(why, MF_EINVAL, "something follows the event");
    if (!parse.has_version)
        return mf_why(why, MF_EINVAL, "specversion is missing; an event has id, source, type and "
                      "specversion");
    mf_err err = cloudevent_check(event, why);
    return err ? err : settle_data(&parse, why);
}

mf_err cloudevent_batch_open(struct cloudevent_batch *batch, char *json, size_t bytes,
                             struct mf_why *why)
{
    struct json_scan scan = {json, json + bytes};
    if (!json_scan_take(&scan, '['))
        return mf_why(why, MF_EINVAL, "a batch is a JSON array of events");
    *batch = (struct cloudevent_batch){json + (scan.at - json), json + bytes, 0};
    return MF_OK;
}

mf_err cloudevent_batch_next(struct cloudevent_batch *batch, struct cloudevent *event,
                             struct mf_why *why)
{
    struct json_scan scan = {batch->at, batch->end}, value;
    enum json_scanned kind;
    if (json_scan_take(&scan, ']'))
        return json_scan_end(&scan) ? MF_ENOENT
                                    : mf_why(why, MF_EINVAL, "something follows the batch");
    if ((batch->count && !json_scan_take(&scan, ',')) || !json_scan_value(&scan, &kind, &value))
        return mf_why(why, MF_EINVAL, "event %u: no JSON, or nested more than %u deep",
                      batch->count + 1, MF_JSON_DEPTH_MAX);
    struct mf_why inner = {{0}};
    char *one = batch->at + (value.at - batch->at);
    mf_err err = cloudevent_parse(one, (size_t)(value.end - value.at), event, &inner);
    if (err)
        return mf_why(why, err, "event %u: %.*s", batch->count + 1, (int)sizeof inner.text - 24,
                      mf_why_text(&inner, err));
    batch->at += scan.at - batch->at;
    batch->count++;
    return MF_OK;
}

mf_err cloudevent_write(const struct cloudevent *event, struct mf_buf *json)
{
    mf_err err = mf_buf_printf(json, "{\"specversion\":\"1.0\"");
    for (uint32_t i = 0; i < event->count && !err; i++) {
        const struct event_attribute *attribute = &event->attributes[i];
        err = mf_buf_printf(json, ",\"%.*s\":", (int)attribute->name.bytes, attribute->name.text);
        if (!err)
            err = write_string(json, attribute->value);
    }
    if (!err && event->data_bytes)
        err = write_data(event, json);
    return err ? err : mf_buf_add(json, "}", 1);
}

/* ---- what a member is ---- */

static struct event_text without_quotes(struct json_scan *string)
{
    char *text = (char *)(uintptr_t)string->at + 1;
    return (struct event_text){text, json_scan_unescape(text, (size_t)(string->end - string->at) - 2)};
}

/* Booleans and integers have one spelling each (CloudEvents 1.0.2, "Type system"); Integer is
 * of 32 bits. */
static mf_err plain_value(const char *name, enum json_scanned kind, struct json_scan *value,
                          struct event_text *text, struct mf_why *why)
{
    *text = (struct event_text){value->at, (size_t)(value->end - value->at)};
    if (kind == JSON_SCANNED_STRING)
        *text = without_quotes(value);
    else if (kind == JSON_SCANNED_NUMBER) {
        bool negative = text->text[0] == '-';
        size_t digits = text->bytes - negative;
        for (size_t i = negative; i < text->bytes; i++)
            if (text->text[i] < '0' || text->text[i] > '9')
                digits = SIZE_MAX;
        if (digits > 10 || (digits == 10 && memcmp(text->text + negative,
                                                   negative ? "2147483648" : "2147483647", 10) > 0))
            return mf_why(why, MF_EINVAL, "%s: a number that is no integer of 32 bits", name);
    } else if (kind != JSON_SCANNED_TRUE && kind != JSON_SCANNED_FALSE)
        return mf_why(why, MF_EINVAL, "%s: an attribute is a string, a boolean or an integer", name);
    return MF_OK;
}

static mf_err take_attribute(struct parse *parse, const char *name, enum json_scanned kind,
                             struct json_scan *value, struct mf_why *why)
{
    struct event_text text;
    mf_err err = plain_value(name, kind, value, &text, why);
    if (err)
        return err;
    if (strcmp(name, "specversion") != 0)
        return cloudevent_get(parse->event, name).text
                   ? mf_why(why, MF_EINVAL, "%s stands there twice", name)
                   : cloudevent_set(parse->event, name, text, why);
    if (parse->has_version || kind != JSON_SCANNED_STRING || text.bytes != 3 ||
        memcmp(text.text, "1.0", 3) != 0)
        return mf_why(why, MF_EINVAL, "specversion is \"1.0\", once; others are not known here");
    parse->has_version = true;
    return MF_OK;
}

/* The key ends with a NUL from here on, in the place of its last quote. */
static mf_err take_member(struct parse *parse, struct json_scan *key, enum json_scanned kind,
                          struct json_scan *value, struct mf_why *why)
{
    struct event_text text = without_quotes(key);
    char *name = (char *)(uintptr_t)text.text;
    bool base64 = text.bytes == 11 && memcmp(name, "data_base64", 11) == 0;
    bool data = text.bytes == 4 && memcmp(name, "data", 4) == 0;
    if (memchr(name, 0, text.bytes))
        return mf_why(why, MF_EINVAL, "an attribute's name is of a-z and 0-9");
    name[text.bytes] = 0;
    if (kind == JSON_SCANNED_NULL)
        return MF_OK; /* as if it were not there (JSON format 1.0.2, 2.2) */
    if (!data && !base64)
        return take_attribute(parse, name, kind, value, why);
    if (parse->has_data)
        return mf_why(why, MF_EINVAL, "data stands there twice");
    if (base64 && kind != JSON_SCANNED_STRING)
        return mf_why(why, MF_EINVAL, "data_base64 is not a string");
    parse->has_data = true;
    parse->has_base64 = base64;
    parse->data = *value;
    parse->data_kind = kind;
    return MF_OK;
}

/* ---- data ---- */

static unsigned base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? (unsigned)(c - 'A')
           : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a' + 26)
           : c >= '0' && c <= '9' ? (unsigned)(c - '0' + 52)
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : 64;
}

/* RFC 4648, 4, over itself: what is written never passes what is read. */
static bool decode_base64(char *text, size_t bytes, size_t *decoded)
{
    size_t padding = 0, out = 0;
    while (padding < 2 && padding < bytes && text[bytes - 1 - padding] == '=')
        padding++;
    if (bytes % 4)
        return false;
    for (size_t i = 0; i < bytes; i += 4) {
        size_t digits = i + 4 == bytes ? 4 - padding : 4;
        unsigned group = 0;
        for (size_t j = 0; j < digits; j++) {
            unsigned digit = base64_digit(text[i + j]);
            if (digit == 64)
                return false;
            group |= digit << (18 - 6 * j);
        }
        if (group & (digits == 4 ? 0 : digits == 3 ? 0xff : 0xffff))
            return false; /* bits that belong to no byte */
        for (size_t j = 0; j + 1 < digits; j++)
            text[out++] = (char)(group >> (16 - 8 * j) & 0xff);
    }
    *decoded = out;
    return true;
}

static struct event_text media_of(const struct cloudevent *event)
{
    struct event_text type = cloudevent_get(event, "datacontenttype");
    const char *end = type.text ? memchr(type.text, ';', type.bytes) : NULL;
    if (end)
        type.bytes = (size_t)(end - type.text);
    while (type.bytes && type.text[type.bytes - 1] == ' ')
        type.bytes--;
    return type;
}

static bool ends_with(struct event_text text, const char *with)
{
    size_t bytes = strlen(with);
    return text.bytes >= bytes && strncasecmp(text.text + text.bytes - bytes, with, bytes) == 0;
}

static bool is_json(struct event_text type)
{
    return ends_with(type, "/json") || ends_with(type, "+json");
}

static mf_err settle_data(struct parse *parse, struct mf_why *why)
{
    struct cloudevent *event = parse->event;
    struct event_text type = media_of(event);
    if (!parse->has_data)
        return MF_OK;
    struct event_text data = {parse->data.at, (size_t)(parse->data.end - parse->data.at)};
    if (parse->has_base64) {
        data = without_quotes(&parse->data);
        if (!decode_base64((char *)(uintptr_t)data.text, data.bytes, &data.bytes))
            return mf_why(why, MF_EINVAL, "data_base64 is not base64 (RFC 4648, 4)");
    } else if (!type.text) {
        const struct event_text json = {"application/json", 16};
        mf_err err = cloudevent_set(event, "datacontenttype", json, why);
        if (err)
            return err;
    } else if (parse->data_kind == JSON_SCANNED_STRING && !is_json(type)) {
        data = without_quotes(&parse->data);
    }
    event->data = (const uint8_t *)data.text;
    event->data_bytes = data.bytes;
    return MF_OK;
}

static mf_err write_escaped(struct mf_buf *json, unsigned char c)
{
    return c == '"' || c == '\\' ? mf_buf_printf(json, "\\%c", c)
                                 : mf_buf_printf(json, "\\u%04x", c);
}

/* Of valid UTF-8. */
static mf_err write_string(struct mf_buf *json, struct event_text text)
{
    mf_err err = mf_buf_add(json, "\"", 1);
    for (size_t i = 0, from = 0; i <= text.bytes && !err; i++) {
        unsigned char c = i < text.bytes ? (unsigned char)text.text[i] : 0;
        if (i < text.bytes && c >= ' ' && c != '"' && c != '\\')
            continue;
        if (i > from)
            err = mf_buf_add(json, text.text + from, i - from);
        if (!err && i < text.bytes)
            err = write_escaped(json, c);
        from = i + 1;
    }
    return err ? err : mf_buf_add(json, "\"", 1);
}

static mf_err write_base64(const uint8_t *data, size_t bytes, struct mf_buf *json)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char room[1024];
    mf_err err = MF_OK;
    for (size_t i = 0, used = 0; i < bytes && !err; i += 3) {
        size_t left = bytes - i;
        unsigned group = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                         (left > 2 ? data[i + 2] : 0);
        room[used++] = digit[group >> 18];
        room[used++] = digit[group >> 12 & 63];
        room[used++] = left > 1 ? digit[group >> 6 & 63] : '=';
        room[used++] = left > 2 ? digit[group & 63] : '=';
        if (used == sizeof room || left <= 3) {
            err = mf_buf_add(json, room, used);
            used = 0;
        }
    }
    return err;
}

static bool is_utf8(struct event_text text)
{
    for (size_t i = 0; i < text.bytes;) {
        size_t bytes = mf_utf8_length((const uint8_t *)text.text + i, text.bytes - i);
        if (bytes == 0)
            return false;
        i += bytes;
    }
    return true;
}

static mf_err write_data(const struct cloudevent *event, struct mf_buf *json)
{
    struct event_text type = media_of(event), data = {(const char *)event->data, event->data_bytes};
    bool words = ends_with(type, "/xml") || ends_with(type, "+xml") ||
                 (type.bytes > 5 && strncasecmp(type.text, "text/", 5) == 0);
    if (is_json(type) ? json_scan_whole(data.text, data.bytes) : words && is_utf8(data)) {
        mf_err err = mf_buf_printf(json, ",\"data\":");
        if (err)
            return err;
        return is_json(type) ? mf_buf_add(json, data.text, data.bytes) : write_string(json, data);
    }
    mf_err err = mf_buf_printf(json, ",\"data_base64\":\"");
    if (!err)
        err = write_base64(event->data, event->data_bytes, json);
    return err ? err : mf_buf_add(json, "\"", 1);
}
