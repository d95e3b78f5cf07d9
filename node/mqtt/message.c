/* message.c: see message.h. Owns nothing; what it asks libmosquitto for is in `words`. */
#include "node/mqtt/message.h"

#include <stdlib.h>
#include <string.h>

#include "node/events/json_scan.h"

static struct event_text text_of(const char *text)
{
    return (struct event_text){text, text ? strlen(text) : 0};
}

void mqtt_words_reset(struct mqtt_words *words)
{
    for (unsigned i = 0; i < words->count; i++)
        free(words->text[i]);
    words->count = 0;
    mf_buf_close(&words->json);
}

/* NULL: it has none. */
static const char *content_type(const struct mqtt_incoming *incoming, struct mqtt_words *words)
{
    char *type = NULL;
    (void)mosq.property_read_string(incoming->properties, MQTT_PROP_CONTENT_TYPE, &type, false);
    if (type)
        words->text[words->count++] = type;
    return type;
}

/* User properties become attributes. MF_EINVAL: it is no event. */
static mf_err read_binary(const struct mqtt_incoming *incoming, const char *type,
                          struct mqtt_words *words, struct cloudevent *event)
{
    bool versioned = false;
    char *name, *value;
    mf_err err = MF_OK;
    const mosquitto_property *at = incoming->properties;
    cloudevent_init(event);
    for (unsigned i = 0; at && i < MF_MQTT_PROPERTIES_MAX && !err; i++) {
        name = value = NULL;
        at = mosq.property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, &name, &value, i > 0);
        if (!at)
            break;
        words->text[words->count++] = name;
        words->text[words->count++] = value;
        if (!name || !value)
            return MF_ENOMEM;
        if (strcmp(name, "specversion") == 0)
            err = (versioned = strcmp(value, "1.0") == 0) ? MF_OK : MF_EINVAL;
        else if (strcmp(name, MQTT_HOPS_PROPERTY) != 0)
            err = cloudevent_set(event, name, text_of(value), NULL);
    }
    if (!err && !versioned)
        err = MF_EINVAL;
    if (!err && type)
        err = cloudevent_set(event, "datacontenttype", text_of(type), NULL);
    event->data = incoming->payload;
    event->data_bytes = incoming->bytes;
    return err ? err : cloudevent_check(event, NULL);
}

/* Worth a copy and a closer look? */
static bool may_be_event(const struct mqtt_incoming *incoming)
{
    static const char word[] = "\"specversion\"";
    return incoming->bytes > sizeof word && incoming->payload[0] == '{' &&
           memmem(incoming->payload, incoming->bytes, word, sizeof word - 1);
}

static mf_err read_structured(const struct mqtt_incoming *incoming, struct mqtt_words *words,
                              struct cloudevent *event)
{
    mf_err err = mf_buf_add(&words->json, incoming->payload, incoming->bytes);
    return err ? err : cloudevent_parse((char *)words->json.data, words->json.bytes, event, NULL);
}

static const char *guess_type(const struct mqtt_incoming *incoming)
{
    if (incoming->bytes && json_scan_whole((const char *)incoming->payload, incoming->bytes))
        return "application/json";
    return "application/octet-stream";
}

/* Every text is one that cloudevent_set() takes, but for the topic perhaps and the content type. */
static mf_err make(const struct mqtt_incoming *incoming, const char *source, const char *id,
                   const char *type, uint64_t now_ms, struct mqtt_words *words,
                   struct cloudevent *event)
{
    cloudevent_init(event);
    event->data = incoming->payload;
    event->data_bytes = incoming->bytes;
    (void)event_time_text(now_ms, words->time);
    mf_err err = cloudevent_set(event, "id", text_of(id), NULL);
    if (!err)
        err = cloudevent_set(event, "source", text_of(source), NULL);
    if (!err)
        err = cloudevent_set(event, "type", text_of(MQTT_EVENT_TYPE), NULL);
    if (!err)
        err = cloudevent_set(event, "time", text_of(words->time), NULL);
    if (!err)
        err = cloudevent_set(event, "subject", text_of(incoming->topic), NULL);
    if (!err && (!type || cloudevent_set(event, "datacontenttype", text_of(type), NULL) != MF_OK))
        err = cloudevent_set(event, "datacontenttype", text_of(guess_type(incoming)), NULL);
    return err;
}

static void mark(const struct mqtt_incoming *incoming, struct cloudevent *event)
{
    if (incoming->retain) /* not, if it has as many attributes as may be */
        (void)!cloudevent_set(event, MQTT_RETAIN_ATTRIBUTE, text_of("true"), NULL);
}

mf_err mqtt_message_plain(const struct mqtt_incoming *incoming, const char *source,
                          const char *id, uint64_t now_ms, struct mqtt_words *words,
                          struct cloudevent *event)
{
    mqtt_words_reset(words);
    mf_err err = make(incoming, source, id, content_type(incoming, words), now_ms, words, event);
    mark(incoming, event);
    return err;
}

mf_err mqtt_message_event(const struct mqtt_incoming *incoming, const char *source,
                          const char *id, uint64_t now_ms, struct mqtt_words *words,
                          struct cloudevent *event)
{
    mqtt_words_reset(words);
    const char *type = content_type(incoming, words);
    enum cloudevent_mode mode = type ? cloudevent_mode_of(type, strlen(type)) : CLOUDEVENT_PLAIN;
    mf_err err = read_binary(incoming, type, words, event);
    if (err == MF_EINVAL && (mode == CLOUDEVENT_STRUCTURED || (!type && may_be_event(incoming))))
        err = read_structured(incoming, words, event);
    if (!err)
        err = cloudevent_set(event, MQTT_TOPIC_ATTRIBUTE, text_of(incoming->topic), NULL);
    if (err && err != MF_ENOMEM)
        err = make(incoming, source, id, type, now_ms, words, event);
    if (!err)
        mark(incoming, event);
    return err;
}

uint32_t mqtt_message_hops(const struct mqtt_incoming *incoming)
{
    const mosquitto_property *at = incoming->properties;
    uint32_t hops = 0;
    for (unsigned i = 0; at && i < MF_MQTT_PROPERTIES_MAX; i++) {
        char *name = NULL, *value = NULL;
        at = mosq.property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, &name, &value, i > 0);
        if (at && name && value && strcmp(name, MQTT_HOPS_PROPERTY) == 0) {
            const unsigned long said = strtoul(value, NULL, 10);
            hops = said <= MF_THEN_HOPS_MAX ? (uint32_t)said : MF_THEN_HOPS_MAX + 1;
        }
        free(name);
        free(value);
    }
    return hops;
}
