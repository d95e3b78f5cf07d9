/*
 * allow.c: see allow.h.
 * Guarantees: what is in a struct allow is valid for its kind; a question about a name that
 * is none is answered no. Leaves to others: asking (node/operations/).
 */
#include "image/allow.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "image/settings.h"
#include "image/topic.h"

#define ANY "*"

struct kind_rule {
    const char *key;
    bool (*valid)(const char *text, size_t bytes);
    const char *what; /* belongs there */
};

static bool valid_http(const char *text, size_t bytes);
static bool valid_prefix(const char *text, size_t bytes);
static bool valid_queue(const char *text, size_t bytes);
static bool valid_secret(const char *text, size_t bytes);
static bool valid_topic(const char *text, size_t bytes);

static const struct kind_rule rule[ALLOW_KIND_COUNT] = {
    [ALLOW_HTTP] = {"http", valid_http, "HOST:PORT, as api.example.org:443 or *.example.org:443"},
    [ALLOW_POP] = {"pop", valid_queue, "a queue's name (a-z, 0-9 and -), or \"*\" for any"},
    [ALLOW_PUBLISH] = {"publish", valid_topic, "an MQTT topic filter, as alerts/+"},
    [ALLOW_PUSH] = {"push", valid_queue, "a queue's name (a-z, 0-9 and -), or \"*\" for any"},
    [ALLOW_READ] = {"read", valid_prefix, "the beginning of keys, or \"*\" for any"},
    [ALLOW_SECRETS] = {"secrets", valid_secret, "a secret's name (letters, digits, . _ -)"},
    [ALLOW_SPLICE] = {"splice", valid_secret, "a secret's name (letters, digits, . _ -)"},
    [ALLOW_WRITE] = {"write", valid_prefix, "the beginning of keys, or \"*\" for any"},
};

static mf_err add_list(const json_t *list, enum allow_kind kind, struct mf_buf *text,
                       uint32_t *count, struct mf_why *why);

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static mf_err kind_of(const char *key, enum allow_kind *kind, struct mf_why *why)
{
    for (size_t i = 0; i < ALLOW_KIND_COUNT; i++)
        if (strcmp(rule[i].key, key) == 0) {
            *kind = (enum allow_kind)i;
            return MF_OK;
        }
    return mf_why(why, MF_EINVAL, "allow: a key that is none; http, publish, push, pop, read, write, "
                  "secrets and splice are");
}

mf_err allow_from_json(const json_t *object, struct allow *allow, struct mf_why *why)
{
    struct allow next = {0};
    struct mf_buf text = {0};
    const char *key;
    json_t *value;
    mf_err err = MF_OK;
    if (!json_is_object(object))
        return mf_why(why, MF_EINVAL, "allow: must be an object of lists, as {\"read\": [\"shop/\"]}");
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        enum allow_kind ignored;
        err = kind_of(key, &ignored, why);
        if (err)
            return err;
    }
    for (size_t i = 0; i < ALLOW_KIND_COUNT && !err; i++) {
        const json_t *list = json_object_get(object, rule[i].key);
        if (list)
            err = add_list(list, (enum allow_kind)i, &text, &next.count[i], why);
    }
    if (err) {
        mf_buf_close(&text);
        return err;
    }
    next.text = (char *)text.data; /* NULL where nothing is allowed */
    next.bytes = (uint32_t)text.bytes;
    allow_close(allow);
    *allow = next;
    return MF_OK;
}

json_t *allow_to_json(const struct allow *allow)
{
    json_t *object = json_object();
    for (size_t i = 0; i < ALLOW_KIND_COUNT && object; i++) {
        if (allow->count[i] == 0)
            continue;
        json_t *list = json_array();
        bool well = list != NULL;
        const char *at = allow_first(allow, (enum allow_kind)i);
        for (uint32_t left = allow->count[i]; well && left > 0; left--, at += strlen(at) + 1)
            well = json_array_append_new(list, json_string(at)) == 0;
        if (well && json_object_set_new(object, rule[i].key, list) == 0)
            continue;
        if (!well)
            json_decref(list);
        json_decref(object);
        return NULL;
    }
    return object;
}

mf_err allow_copy(const struct allow *from, struct allow *to)
{
    *to = *from;
    if (!from->text)
        return MF_OK;
    to->text = malloc(from->bytes);
    if (!to->text) {
        *to = (struct allow){0};
        return MF_ENOMEM;
    }
    memcpy(to->text, from->text, from->bytes);
    return MF_OK;
}

void allow_close(struct allow *allow)
{
    free(allow->text);
    *allow = (struct allow){0};
}

const char *allow_first(const struct allow *allow, enum allow_kind kind)
{
    const char *at = allow->text;
    for (size_t i = 0; i < (size_t)kind; i++)
        for (uint32_t entry = 0; entry < allow->count[i]; entry++)
            at += strlen(at) + 1;
    return at;
}

size_t allow_list(const struct allow *allow, enum allow_kind kind,
                  const char *list[static MF_ALLOW_COUNT_MAX])
{
    const char *at = allow_first(allow, kind);
    for (uint32_t i = 0; i < allow->count[kind]; i++, at += strlen(at) + 1)
        list[i] = at;
    return allow->count[kind];
}

bool allow_entry_valid(enum allow_kind kind, const char *text, size_t bytes)
{
    return bytes <= MF_ALLOW_ENTRY_BYTES_MAX && rule[kind].valid(text, bytes);
}

#define each_entry(at, allow, kind)                                               \
    uint32_t left = (allow)->count[kind];                                         \
    for (const char *at = allow_first(allow, kind); left > 0; left--, at += strlen(at) + 1)

bool allow_name(const struct allow *allow, enum allow_kind kind, const char *name, size_t bytes)
{
    each_entry(at, allow, kind)
        if ((rule[kind].valid == valid_queue && strcmp(at, ANY) == 0) ||
            (strlen(at) == bytes && memcmp(at, name, bytes) == 0))
            return true;
    return false;
}

bool allow_key(const struct allow *allow, enum allow_kind kind, const void *key, size_t bytes)
{
    each_entry(at, allow, kind) {
        size_t prefix = strlen(at);
        if (strcmp(at, ANY) == 0 || (prefix <= bytes && memcmp(at, key, prefix) == 0))
            return true;
    }
    return false;
}

bool allow_topic(const struct allow *allow, const char *topic, size_t bytes)
{
    each_entry(at, allow, ALLOW_PUBLISH)
        if (topic_filter_takes(at, strlen(at), topic, bytes))
            return true;
    return false;
}

static mf_err add_list(const json_t *list, enum allow_kind kind, struct mf_buf *text,
                       uint32_t *count, struct mf_why *why)
{
    const char *key = rule[kind].key;
    if (!json_is_array(list))
        return mf_why(why, MF_EINVAL, "allow: %s: must be a list, as [\"…\"]", key);
    size_t entries = json_array_size(list);
    if (entries > MF_ALLOW_COUNT_MAX)
        return mf_why(why, MF_EINVAL, "allow: %s: %zu entries; %u are allowed", key, entries,
                      MF_ALLOW_COUNT_MAX);
    for (size_t i = 0; i < entries; i++) {
        const json_t *value = json_array_get(list, i);
        const char *entry_text = json_string_value(value);
        size_t bytes = json_string_length(value);
        if (!entry_text || strlen(entry_text) != bytes ||
            !allow_entry_valid(kind, entry_text, bytes))
            return mf_why(why, MF_EINVAL, "allow: %s: entry %zu: %s belongs there", key, i + 1,
                          rule[kind].what);
        if (bytes + 1 > MF_ALLOW_BYTES_MAX - text->bytes)
            return mf_why(why, MF_EINVAL, "allow: more than %u bytes", MF_ALLOW_BYTES_MAX);
        mf_err err = mf_buf_add(text, entry_text, bytes + 1);
        if (err)
            return err;
    }
    *count = (uint32_t)entries;
    return MF_OK;
}

static bool valid_topic(const char *text, size_t bytes)
{
    return topic_filter_check(text, bytes, NULL) == MF_OK;
}

/* Letters, digits, '.', '_', '-', no '.' first: so also a file's name. */
static bool valid_secret(const char *name, size_t bytes)
{
    if (bytes == 0 || bytes > MF_NAME_BYTES_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (!is_letter_or_digit(name[i]) && name[i] != '.' && name[i] != '_' && name[i] != '-')
            return false;
    return true;
}

/* 1 … 65535 in digits, or what follows a host of a scheme: nothing. */
static bool valid_port(const char *text, size_t bytes, bool optional)
{
    uint32_t port = 0;
    if (bytes == 0)
        return optional;
    if (text[0] != ':' || bytes < 2 || bytes > sizeof ":65535" - 1 || text[1] == '0')
        return false;
    for (size_t i = 1; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    return port <= UINT16_MAX;
}

/* The form only; what it means, and for whom, node/egress/ decides. */
static bool valid_http(const char *text, size_t bytes)
{
    static const char *const scheme[] = {"http://", "https://"};
    bool schemed = false;
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(scheme[i]);
        if (schemed || bytes < length || memcmp(text, scheme[i], length) != 0)
            continue;
        schemed = true;
        text += length;
        bytes -= length;
    }
    size_t host = 0;
    if (bytes && text[0] == '[') {
        const char *close = memchr(text, ']', bytes);
        host = close ? (size_t)(close - text) + 1 : 0;
        return host > 3 && valid_port(text + host, bytes - host, schemed);
    }
    size_t from = bytes > 2 && text[0] == '*' && text[1] == '.' ? 2 : 0;
    for (host = from; host < bytes && (is_letter_or_digit(text[host]) || text[host] == '.' ||
                                       text[host] == '-' || text[host] == '_');)
        host++;
    return host > from && valid_port(text + host, bytes - host, schemed);
}

static bool valid_prefix(const char *text, size_t bytes)
{
    if (bytes == 0 || bytes > MF_KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

static bool valid_queue(const char *text, size_t bytes)
{
    return (bytes == 1 && text[0] == ANY[0]) || settings_name_valid(text, bytes);
}
