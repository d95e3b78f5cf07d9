/* named.c: see named.h. */
#include "node/operations/named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/delivery/envelope.h"
#include "node/delivery/output_event.h"
#include "node/instance/event.h"
#include "node/node.h"

mf_err named_queue(struct node *node, const char *tenant, const char *name, struct queue **queue)
{
    static const struct queue_settings settings = {.durability = STORE_POWER_LOSS,
                                                   .tenant_queues_max = MF_TENANT_QUEUES_MAX,
                                                   .tenant_bytes_max = MF_TENANT_QUEUES_BYTES_MAX};
    return node->delivery.store ? queue_get(node->delivery.store, tenant, name, &settings, queue)
                                : MF_EDEAD;
}

const char *named_full(const struct store_answer *answer)
{
    return answer->bounded ? "the queue is full, or its tenant has as many queues, or bytes in them, as it may; `mayfly "
                             "queue purge` empties one, and gives the name of an empty one back"
                           : "the disk of the node is full";
}

/* How often it was passed on by then: who pushes to itself comes to an end. */
static void put_hops(struct field_writer *writer, uint32_t hops)
{
    char number[16];
    int digits = snprintf(number, sizeof number, "%u", hops);
    if (hops)
        field_put(writer, MF_FIELD_HEADER, HOPS_HEADER, sizeof HOPS_HEADER - 1, number, (size_t)digits);
}

mf_err named_event_fields(const struct named_event *named, uint8_t *room, uint32_t *bytes,
                          struct mf_why *why)
{
    char when[EVENT_TIME_BYTES];
    const struct {
        const char *name;
        struct event_text value;
    } attribute[] = {
        {"id", {named->id, strlen(named->id)}},
        {"source", named->source},
        {"type", named->type.bytes ? named->type
                                   : (struct event_text){NAMED_EVENT_TYPE, sizeof NAMED_EVENT_TYPE - 1}},
        {"time", {when, event_time_text(named->now_ns / MF_NS_PER_MS, when)}},
        {"subject", named->subject},
        {"datacontenttype", named->content_type},
    };
    struct cloudevent event;
    struct field_writer writer;
    mf_err err = MF_OK;
    cloudevent_init(&event);
    for (size_t i = 0; i < sizeof attribute / sizeof attribute[0] && !err; i++)
        if (attribute[i].value.bytes)
            err = cloudevent_set(&event, attribute[i].name, attribute[i].value, why);
    field_writer_init(&writer, room, MF_HEAD_BYTES_MAX);
    put_hops(&writer, named->hops);
    if (!err)
        err = cloudevent_guest(&event, named->id, named->now_ns, &writer);
    *bytes = writer.bytes;
    return err;
}

mf_err named_append(struct queue *queue, enum queue_priority priority,
                    const struct envelope *envelope, const struct store_ask *ask)
{
    const size_t bytes = envelope_bytes(envelope);
    uint8_t *room = malloc(bytes);
    const struct store_bytes event = {room, bytes};
    if (!room)
        return MF_ENOMEM;
    envelope_write(envelope, room);
    mf_err err = queue_append(queue, priority, &event, 1, ask);
    free(room);
    return err;
}
