/*
 * cloudevent.c: attributes of an event, and what may stand in them (cloudevent.h).
 * Guarantees: what is set can be written in each mode. Leaves to others: JSON
 * (cloudevent_json.c), headers (cloudevent_fields.c).
 */
#include "node/events/cloudevent.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/utf8.h"

static bool name_valid(const char *name, size_t bytes);
static mf_err value_check(const char *name, struct event_text value, struct mf_why *why);

void cloudevent_init(struct cloudevent *event)
{
    event->count = 0; /* what is not counted is never read */
    event->data = NULL;
    event->data_bytes = 0;
}

static struct event_attribute *find(const struct cloudevent *event, const char *name)
{
    size_t bytes = strlen(name);
    for (uint32_t i = 0; i < event->count; i++) {
        const struct event_attribute *attribute = &event->attributes[i];
        if (attribute->name.bytes == bytes && memcmp(attribute->name.text, name, bytes) == 0)
            return (struct event_attribute *)(uintptr_t)attribute;
    }
    return NULL;
}

/* What the specification wants to be there; an extension may as well be empty, and is left out. */
static bool known(const char *name)
{
    static const char *const names[] = {"id",   "source",          "type",       "subject",
                                        "time", "datacontenttype", "dataschema"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

mf_err cloudevent_set(struct cloudevent *event, const char *name, struct event_text value,
                      struct mf_why *why)
{
    size_t bytes = strlen(name);
    if (!name_valid(name, bytes) || strcmp(name, "specversion") == 0 || strcmp(name, "data") == 0)
        return mf_why(why, MF_EINVAL, "an attribute's name is 1 to %u of a-z and 0-9, and not "
                      "specversion or data", MF_EVENT_NAME_BYTES_MAX);
    if (value.bytes == 0 && !known(name))
        return MF_OK;
    mf_err err = value_check(name, value, why);
    if (err)
        return err;
    struct event_attribute *attribute = find(event, name);
    if (!attribute) {
        if (event->count == MF_EVENT_ATTRIBUTES_MAX)
            return mf_why(why, MF_ETOOBIG, "an event has at most %u attributes",
                          MF_EVENT_ATTRIBUTES_MAX);
        attribute = &event->attributes[event->count++];
    }
    *attribute = (struct event_attribute){{name, bytes}, value};
    return MF_OK;
}

struct event_text cloudevent_get(const struct cloudevent *event, const char *name)
{
    const struct event_attribute *attribute = find(event, name);
    return attribute ? attribute->value : (struct event_text){0};
}

mf_err cloudevent_check(const struct cloudevent *event, struct mf_why *why)
{
    static const char *const required[] = {"id", "source", "type"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (!find(event, required[i]))
            return mf_why(why, MF_EINVAL, "%s is missing; an event has id, source, type and "
                          "specversion", required[i]);
    return MF_OK;
}

/* Of a media type: what stands before its parameters. */
static struct event_text media(const char *text, size_t bytes)
{
    const char *end = memchr(text, ';', bytes);
    if (end)
        bytes = (size_t)(end - text);
    while (bytes && (text[bytes - 1] == ' ' || text[bytes - 1] == '\t'))
        bytes--;
    return (struct event_text){text, bytes};
}

static bool begins(struct event_text text, const char *with)
{
    size_t bytes = strlen(with);
    return text.bytes >= bytes && strncasecmp(text.text, with, bytes) == 0;
}

static bool is(struct event_text text, const char *what)
{
    return text.bytes == strlen(what) && begins(text, what);
}

/* The batch's prefix begins with the other one: it is looked at first. */
enum cloudevent_mode cloudevent_mode_of(const char *content_type, size_t bytes)
{
    struct event_text type = media(content_type, bytes);
    if (!begins(type, "application/cloudevents"))
        return CLOUDEVENT_PLAIN;
    if (begins(type, "application/cloudevents-batch"))
        return is(type, CLOUDEVENT_BATCH_JSON) ? CLOUDEVENT_BATCH : CLOUDEVENT_UNKNOWN;
    return is(type, CLOUDEVENT_JSON) ? CLOUDEVENT_STRUCTURED : CLOUDEVENT_UNKNOWN;
}

void event_id_derive(const struct event_text *texts, size_t count, char id[static EVENT_ID_BYTES])
{
    crypto_generichash_state state;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    _Static_assert(2 * sizeof hash + 1 == EVENT_ID_BYTES, "in hexadecimal");
    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    for (size_t i = 0; i < count; i++) { /* lengths, so that "a", "bc" is not "ab", "c" */
        uint64_t bytes = texts[i].bytes;
        (void)crypto_generichash_update(&state, (const uint8_t *)&bytes, sizeof bytes);
        if (bytes)
            (void)crypto_generichash_update(&state, (const uint8_t *)texts[i].text, bytes);
    }
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    (void)sodium_bin2hex(id, EVENT_ID_BYTES, hash, sizeof hash);
}

size_t event_time_text(uint64_t realtime_ms, char room[static EVENT_TIME_BYTES])
{
    time_t seconds = (time_t)(realtime_ms / 1000);
    struct tm parts;
    size_t bytes = gmtime_r(&seconds, &parts)
                       ? strftime(room, EVENT_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &parts)
                       : 0;
    const unsigned ms = (unsigned)(realtime_ms % 1000);
    /* Nine digits of a year, the most that gmtime_r() has of milliseconds, and this fit. */
    const char more[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z', 0};
    memcpy(room + bytes, more, sizeof more);
    return bytes + sizeof more - 1;
}

static bool name_valid(const char *name, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9')))
            return false;
    return bytes > 0 && bytes <= MF_EVENT_NAME_BYTES_MAX;
}

/* U+FDD0 to U+FDEF, and the last two of every plane. */
static bool no_character(const uint8_t *at, size_t bytes)
{
    if (bytes == 3)
        return at[0] == 0xef && ((at[1] == 0xb7 && at[2] >= 0x90 && at[2] <= 0xaf) ||
                                 (at[1] == 0xbf && at[2] >= 0xbe));
    return bytes == 4 && (at[1] & 0x0f) == 0x0f && at[2] == 0xbf && at[3] >= 0xbe;
}

/* The type String: Unicode without control characters and what is no character. */
static bool text_valid(struct event_text value)
{
    const uint8_t *at = (const uint8_t *)value.text;
    for (size_t i = 0; i < value.bytes;) {
        size_t bytes = mf_utf8_length(at + i, value.bytes - i);
        bool control = at[i] < ' ' || at[i] == 0x7f || (at[i] == 0xc2 && bytes == 2 && at[i + 1] < 0xa0);
        if (bytes == 0 || control || no_character(at + i, bytes))
            return false;
        i += bytes;
    }
    return true;
}

static bool take_digits(const char **at, const char *end, unsigned count, unsigned most)
{
    unsigned number = 0;
    for (unsigned i = 0; i < count; i++, (*at)++) {
        if (*at == end || **at < '0' || **at > '9')
            return false;
        number = number * 10 + (unsigned)(**at - '0');
    }
    return number <= most;
}

static bool take_char(const char **at, const char *end, const char *one_of)
{
    if (*at == end || !**at || !strchr(one_of, **at))
        return false;
    (*at)++;
    return true;
}

/* RFC 3339, 5.6. That a month has its days, nobody relies on here. */
static bool time_valid(struct event_text value)
{
    const char *at = value.text, *end = at + value.bytes;
    bool is_one = take_digits(&at, end, 4, 9999) && take_char(&at, end, "-") &&
                  take_digits(&at, end, 2, 12) && take_char(&at, end, "-") &&
                  take_digits(&at, end, 2, 31) && take_char(&at, end, "Tt") &&
                  take_digits(&at, end, 2, 23) && take_char(&at, end, ":") &&
                  take_digits(&at, end, 2, 59) && take_char(&at, end, ":") &&
                  take_digits(&at, end, 2, 60);
    if (is_one && take_char(&at, end, ".")) {
        is_one = take_digits(&at, end, 1, 9);
        while (take_digits(&at, end, 1, 9))
            ;
    }
    if (is_one && take_char(&at, end, "+-"))
        is_one = take_digits(&at, end, 2, 23) && take_char(&at, end, ":") &&
                 take_digits(&at, end, 2, 59);
    else if (is_one)
        is_one = take_char(&at, end, "Zz");
    return is_one && at == end;
}

/* Loosely: enough for a header of its own, and to be told from a mistake. */
static bool media_valid(struct event_text value)
{
    const char *slash = memchr(value.text, '/', value.bytes);
    for (size_t i = 0; i < value.bytes; i++)
        if (value.text[i] < ' ' || value.text[i] > '~')
            return false;
    return slash && slash > value.text && slash < value.text + value.bytes - 1;
}

static mf_err value_check(const char *name, struct event_text value, struct mf_why *why)
{
    if (value.bytes == 0)
        return mf_why(why, MF_EINVAL, "%s is empty", name);
    if (value.bytes > MF_EVENT_VALUE_BYTES_MAX)
        return mf_why(why, MF_EINVAL, "%s: %zu bytes; %u are allowed", name, value.bytes,
                      MF_EVENT_VALUE_BYTES_MAX);
    if (!text_valid(value))
        return mf_why(why, MF_EINVAL, "%s is not UTF-8 without control characters", name);
    if (strcmp(name, "time") == 0 && !time_valid(value))
        return mf_why(why, MF_EINVAL, "time is not one of RFC 3339, as 2018-04-05T17:31:00Z");
    if ((strcmp(name, "source") == 0 || strcmp(name, "dataschema") == 0) &&
        memchr(value.text, ' ', value.bytes))
        return mf_why(why, MF_EINVAL, "%s is not a URI: there is a blank in it", name);
    if (strcmp(name, "datacontenttype") == 0 && !media_valid(value))
        return mf_why(why, MF_EINVAL, "datacontenttype is not a media type, as application/json");
    return MF_OK;
}
