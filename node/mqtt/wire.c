/* wire.c: see wire.h. */
#include "node/mqtt/wire.h"

#include <stdio.h>
#include <string.h>

#include "node/mqtt/message.h"

#define PACKET_OVERHEAD 64 /* at most: lengths, numbers, the properties' heads */

static int properties_of(const struct mqtt_link *link, const struct mqtt_publication *publication,
                         mosquitto_property **properties)
{
    char type[MF_EVENT_VALUE_BYTES_MAX + 1], hops[8];
    int rc = MOSQ_ERR_SUCCESS;
    if (link->old)
        return rc;
    (void)snprintf(hops, sizeof hops, "%u", publication->hops);
    if (publication->hops)
        rc = mosq.property_add_string_pair(properties, MQTT_PROP_USER_PROPERTY, MQTT_HOPS_PROPERTY, hops);
    if (rc || !publication->content_type_bytes)
        return rc;
    memcpy(type, publication->content_type, publication->content_type_bytes);
    type[publication->content_type_bytes] = 0;
    return mosq.property_add_string(properties, MQTT_PROP_CONTENT_TYPE, type);
}

/* libmosquitto checks the size, too, but forgets a byte, and then ends the process. */
int mqtt_wire_put(struct mqtt_link *link, const struct mqtt_publication *publication, int *mid)
{
    if (publication->topic_bytes + publication->content_type_bytes + publication->bytes +
            PACKET_OVERHEAD > link->packet_bytes_max)
        return MOSQ_ERR_OVERSIZE_PACKET;
    char topic[MF_TOPIC_BYTES_MAX + 1];
    mosquitto_property *properties = NULL;
    int rc = properties_of(link, publication, &properties);
    memcpy(topic, publication->topic, publication->topic_bytes);
    topic[publication->topic_bytes] = 0;
    int qos = publication->qos;
    do /* a broker may know less */
        if (!rc || rc == MOSQ_ERR_QOS_NOT_SUPPORTED)
            rc = mosq.publish_v5(link->handle, mid, topic, (int)publication->bytes,
                                      publication->payload, qos, publication->retain, properties);
    while (rc == MOSQ_ERR_QOS_NOT_SUPPORTED && --qos >= 0);
    mosq.property_free_all(&properties);
    return rc;
}
