/*
 * topic.c: what an event is about, and the levels of a topic (MQTT 5.0, 4.7). Headers of events
 * are percent-encoded (CloudEvents 1.0, HTTP binding, 3.1.3.2); topics and what is made of them are not.
 */
#include <string.h>

#include "sdk/event.h"
#include "sdk/query.h"

const char *mayfly_topic(struct mayfly_event *event)
{
    const char *topic = mayfly_header(event, "ce-mqtttopic"); /* then the subject is its sender's */
    if (!topic)
        topic = mayfly_header(event, "ce-subject");
    if (!topic || !strchr(topic, '%'))
        return topic ? topic : "";
    size_t bytes = strlen(topic);
    char *decoded = mayfly_alloc(event, bytes + 1);
    if (!decoded)
        return "";
    percent_decode(topic, bytes, decoded);
    return decoded;
}

const char *mayfly_topic_level(struct mayfly_event *event, size_t level)
{
    const char *at = mayfly_topic(event);
    if (!*at)
        return NULL;
    for (; level > 0; level--) {
        at = strchr(at, '/');
        if (!at)
            return NULL;
        at++;
    }
    size_t bytes = strcspn(at, "/");
    char *copy = mayfly_alloc(event, bytes + 1);
    if (!copy)
        return NULL;
    memcpy(copy, at, bytes);
    copy[bytes] = 0;
    return copy;
}
