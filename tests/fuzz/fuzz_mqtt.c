/*
 * fuzz_mqtt.c: any message of a broker as an event, any text as a broker's address, any bytes as
 * a publication that was kept, any two filters: do they meet where both take a topic? Input: a byte for
 * which; of a message: a byte for its properties, their texts and the topic, a line each, then the
 * payload; of filters: a line each, then the topic.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/channel.h"
#include "image/topic.h"
#include "node/instance/event.h"
#include "node/mqtt/message.h"
#include "node/mqtt/publication.h"
#include "node/mqtt/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void address(const uint8_t *data, size_t bytes)
{
    struct mqtt_url url;
    struct mf_why why = {{0}};
    char *text = strndup((const char *)data, bytes);
    mf_err err = mqtt_url_read(text, &url, &why);
    mf_assert(err || (url.host[0] && url.port > 0));
    mf_assert(err || !url.password[0] || url.user[0]);
    free(text);
}

static void publication(const uint8_t *data, size_t bytes)
{
    struct mqtt_publication publication;
    struct mf_why why = {{0}};
    if (mqtt_publication_read(data, bytes, &publication, &why) != MF_OK)
        return;
    mf_assert(mqtt_publication_bytes(&publication) == bytes);
    uint8_t *again = malloc(bytes);
    mqtt_publication_write(&publication, again);
    mf_assert(memcmp(again, data, bytes) == 0);
    free(again);
}

/* The next line, terminated; NULL: none. */
static char *line(const uint8_t **data, size_t *bytes)
{
    const uint8_t *end = memchr(*data, '\n', *bytes);
    if (!end)
        return NULL;
    char *text = strndup((const char *)*data, (size_t)(end - *data));
    *bytes -= (size_t)(end + 1 - *data);
    *data = end + 1;
    return text;
}

static bool is_filter(const char *text)
{
    return text && topic_filter_check(text, strlen(text), NULL) == MF_OK;
}

static void filters(const uint8_t *data, size_t bytes)
{
    char *one = line(&data, &bytes), *other = one ? line(&data, &bytes) : NULL;
    char *name = strndup((const char *)data, bytes);
    if (is_filter(one) && is_filter(other)) {
        bool meet = topic_filters_meet(one, strlen(one), other, strlen(other));
        mf_assert(meet == topic_filters_meet(other, strlen(other), one, strlen(one)));
        mf_assert(meet || topic_name_check(name, strlen(name), NULL) != MF_OK ||
                  !topic_filter_takes(one, strlen(one), name, strlen(name)) ||
                  !topic_filter_takes(other, strlen(other), name, strlen(name)));
    }
    free(one);
    free(other);
    free(name);
}

static mosquitto_property *properties_of(uint8_t which, const uint8_t **data, size_t *bytes)
{
    mosquitto_property *properties = NULL;
    for (unsigned i = 0; i < (which & 7u); i++) {
        char *name = line(data, bytes), *value = line(data, bytes);
        if (name && value)
            (void)mosq.property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, name, value);
        free(name);
        free(value);
    }
    char *type = which & 8 ? line(data, bytes) : NULL;
    if (type)
        (void)mosq.property_add_string(&properties, MQTT_PROP_CONTENT_TYPE, type);
    free(type);
    return properties;
}

static void message(const uint8_t *data, size_t bytes)
{
    static struct mqtt_words words;
    static struct cloudevent event;
    static uint8_t fields[MF_HEAD_BYTES_MAX];
    struct field_writer writer;
    if (bytes == 0)
        return;
    uint8_t which = *data++;
    bytes--;
    mosquitto_property *properties = properties_of(which, &data, &bytes);
    char *topic = line(&data, &bytes);
    uint8_t *payload = malloc(bytes + 1);
    memcpy(payload, data, bytes);
    const struct mqtt_incoming incoming = {.topic = topic, .payload = payload, .bytes = bytes,
                                           .retain = which & 16, .properties = properties};
    if (topic && topic_name_check(topic, strlen(topic), NULL) == MF_OK) {
        mf_assert(mqtt_message_hops(&incoming) <= MF_THEN_HOPS_MAX + 1);
        mf_err err = mqtt_message_event(&incoming, "mqtt://h:1", "0123", 1, &words, &event);
        mf_assert(!err || err == MF_EINVAL);
        mf_assert(err || cloudevent_check(&event, NULL) == MF_OK);
        field_writer_init(&writer, fields, sizeof fields);
        if (!err && cloudevent_guest(&event, "id", 1, &writer) == MF_OK) {
            struct field_reader reader;
            struct field field;
            field_reader_init(&reader, fields, writer.bytes, false);
            while ((err = field_next(&reader, &field)) == MF_OK)
                ;
            mf_assert(err == MF_ENOENT);
        }
        mf_err plain = mqtt_message_plain(&incoming, "mqtt://h:1", "0123", 1, &words, &event);
        field_writer_init(&writer, fields, sizeof fields);
        mf_assert(plain || cloudevent_guest(&event, "id", 1, &writer) == MF_OK);
        mqtt_words_reset(&words);
    }
    free(topic);
    free(payload);
    mosq.property_free_all(&properties);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0 || mqtt_late(NULL) != MF_OK)
        return 0;
    if (data[0] % 8 == 4)
        filters(data + 1, bytes - 1);
    else if (data[0] % 4 == 0)
        address(data + 1, bytes - 1);
    else if (data[0] % 4 == 1)
        publication(data + 1, bytes - 1);
    else
        message(data + 1, bytes - 1);
    return 0;
}
