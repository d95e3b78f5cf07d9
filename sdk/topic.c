/* topic.c: what an event is about, and the levels of a topic (MQTT 5.0, 4.7). */
#include <string.h>

#include "sdk/mayfly.h"

const char *mayfly_topic(const struct mayfly_event *event)
{
    const char *subject = mayfly_header(event, "ce-subject");
    return subject ? subject : "";
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
