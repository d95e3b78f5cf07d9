/* publication.c: see publication.h. */
#include "node/mqtt/publication.h"

#include <string.h>

#include "abi/channel.h"
#include "image/topic.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "heads are written as they are");
_Static_assert(sizeof(struct mqtt_publication_head) + MF_TOPIC_BYTES_MAX +
                       MF_EVENT_VALUE_BYTES_MAX + MF_BODY_BYTES_MAX <= MF_EVENT_BYTES_MAX,
               "a publication fits into a queue's entry");

mf_err mqtt_publication_check(const struct mqtt_publication *publication, struct mf_why *why)
{
    mf_err err = topic_name_check(publication->topic, publication->topic_bytes, why);
    if (err)
        return err;
    if (publication->qos > 2)
        return mf_why(why, MF_EINVAL, "a quality of service is 0, 1 or 2, not %u", publication->qos);
    if (publication->content_type_bytes > MF_EVENT_VALUE_BYTES_MAX)
        return mf_why(why, MF_EINVAL, "a content type of %zu bytes", publication->content_type_bytes);
    for (size_t i = 0; i < publication->content_type_bytes; i++)
        if (publication->content_type[i] < ' ' || publication->content_type[i] > '~')
            return mf_why(why, MF_EINVAL, "a content type is printable ASCII");
    if (publication->bytes > MF_BODY_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "a payload of %zu bytes; %u are allowed",
                      publication->bytes, MF_BODY_BYTES_MAX);
    return MF_OK;
}

size_t mqtt_publication_bytes(const struct mqtt_publication *publication)
{
    return sizeof(struct mqtt_publication_head) + publication->topic_bytes +
           publication->content_type_bytes + publication->bytes;
}

void mqtt_publication_write(const struct mqtt_publication *publication, uint8_t *room)
{
    const struct mqtt_publication_head head = {
        .magic = MQTT_PUBLICATION_MAGIC,
        .version = MQTT_PUBLICATION_VERSION,
        .hops = publication->hops,
        .qos = publication->qos,
        .retain = publication->retain,
        .topic_bytes = (uint16_t)publication->topic_bytes,
        .content_type_bytes = (uint16_t)publication->content_type_bytes,
        .payload_bytes = (uint32_t)publication->bytes,
    };
    memcpy(room, &head, sizeof head);
    room += sizeof head;
    memcpy(room, publication->topic, publication->topic_bytes);
    room += publication->topic_bytes;
    if (publication->content_type_bytes)
        memcpy(room, publication->content_type, publication->content_type_bytes);
    room += publication->content_type_bytes;
    if (publication->bytes)
        memcpy(room, publication->payload, publication->bytes);
}

mf_err mqtt_publication_read(const void *data, size_t bytes,
                             struct mqtt_publication *publication, struct mf_why *why)
{
    struct mqtt_publication_head head;
    const uint8_t *at = data;
    if (bytes < sizeof head)
        return mf_why(why, MF_EFORMAT, "%zu bytes are no publication", bytes);
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    bytes -= sizeof head;
    if (head.magic != MQTT_PUBLICATION_MAGIC || head.version != MQTT_PUBLICATION_VERSION ||
        head.retain > 1 || head.hops > MF_THEN_HOPS_MAX)
        return mf_why(why, MF_EFORMAT, "not a publication that a node of mayfly has written");
    if (bytes != (size_t)head.topic_bytes + head.content_type_bytes + head.payload_bytes)
        return mf_why(why, MF_EFORMAT, "a publication whose parts are not as long as it says");
    *publication = (struct mqtt_publication){
        .topic = (const char *)at,
        .topic_bytes = head.topic_bytes,
        .content_type = (const char *)at + head.topic_bytes,
        .content_type_bytes = head.content_type_bytes,
        .payload = at + head.topic_bytes + head.content_type_bytes,
        .bytes = head.payload_bytes,
        .qos = head.qos,
        .retain = head.retain,
        .hops = head.hops,
    };
    return mqtt_publication_check(publication, why) ? MF_EFORMAT : MF_OK;
}
