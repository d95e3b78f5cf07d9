/*
 * publication.h: a message that is to be published, and how it waits for the broker: a head,
 * then topic, content type and payload, nothing between them, nothing behind. Little-endian.
 * What is read may be anybody's. Pure functions, any thread.
 */
#ifndef MF_NODE_MQTT_PUBLICATION_H
#define MF_NODE_MQTT_PUBLICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

struct mqtt_publication {
    const char *topic;        /* borrowed, as is all of it; not terminated */
    size_t topic_bytes;
    const char *content_type; /* MQTT 5; "" for none                       */
    size_t content_type_bytes;
    const uint8_t *payload;
    size_t bytes;
    uint8_t qos;              /* 0 … 2                                     */
    bool retain;
    uint8_t hops;             /* how often the event that it comes of was passed on, and once more; 0: of none */
};

#define MQTT_PUBLICATION_MAGIC 0x7571666du /* "mfqu" */
#define MQTT_PUBLICATION_VERSION 1u

struct mqtt_publication_head {
    uint32_t magic;
    uint8_t version;
    uint8_t hops;               /* 0 … MF_THEN_HOPS_MAX          */
    uint8_t qos;
    uint8_t retain;             /* 0, 1                          */
    uint16_t topic_bytes;       /* 1 … MF_TOPIC_BYTES_MAX        */
    uint16_t content_type_bytes; /* 0 … MF_EVENT_VALUE_BYTES_MAX */
    uint32_t payload_bytes;     /* at most MF_BODY_BYTES_MAX     */
};
_Static_assert(sizeof(struct mqtt_publication_head) == 16, "format");

/* MF_EINVAL: not a topic, not a QoS, not a content type; MF_ETOOBIG: the payload. */
MF_CHECKED mf_err mqtt_publication_check(const struct mqtt_publication *publication,
                                         struct mf_why *why);
size_t mqtt_publication_bytes(const struct mqtt_publication *publication);
void mqtt_publication_write(const struct mqtt_publication *publication, uint8_t *room);
/* The only one that fills these bytes, checked; it points into them. MF_EFORMAT: none. */
MF_CHECKED mf_err mqtt_publication_read(const void *data, size_t bytes,
                                        struct mqtt_publication *publication, struct mf_why *why);

#endif
