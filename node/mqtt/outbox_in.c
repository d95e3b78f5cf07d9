/*
 * outbox_in.c: publications on their way into the outbox: durable ones into its queue, the
 * others (QoS 0) behind those that wait for a connection.
 */
#include <stdlib.h>
#include <string.h>

#include "node/mqtt/outbox.h"
#include "node/mqtt/session.h"
#include "node/node.h"

/* What waits for the store's answer about one publication. */
struct acceptance {
    struct mqtt_outbox *outbox;
    struct mqtt_publisher *publisher;
};

static void accepted(void *context, const struct store_answer *answer)
{
    struct acceptance *acceptance = context;
    struct mqtt_publisher *publisher = acceptance->publisher;
    free(acceptance);
    publisher->done(publisher, answer->err);
}

static mf_err keep(struct mqtt_outbox *outbox, const struct mqtt_sending *record,
                   struct mqtt_publisher *publisher)
{
    struct acceptance *acceptance = calloc(1, sizeof *acceptance);
    if (!acceptance)
        return MF_ENOMEM;
    *acceptance = (struct acceptance){outbox, publisher};
    const struct store_bytes bytes = {record->record, record->bytes};
    const struct store_ask ask = {delivery_now_ms(&outbox->node->delivery), accepted, acceptance};
    mf_err err = queue_append(outbox->queue, QUEUE_BULK, &bytes, 1, &ask);
    if (err)
        free(acceptance);
    return err;
}

static mf_err keep_loose(struct mqtt_outbox *outbox, struct mqtt_sending *sending)
{
    if (outbox->link.state == LINK_AWAY) {
        outbox->dropped++;
        return MF_EDEAD;
    }
    if (outbox->loose.count >= MF_MQTT_LOOSE_MAX ||
        (outbox->loose.count && outbox->loose.bytes + sending->bytes > MF_MQTT_LOOSE_BYTES_MAX)) {
        outbox->dropped++;
        return MF_EAGAIN;
    }
    mqtt_sendings_add(&outbox->loose, sending);
    mqtt_outbox_pump(outbox);
    return MF_OK;
}

mf_err mqtt_outbox_publish(struct mqtt_outbox *outbox, const struct mqtt_publication *publication,
                           struct mqtt_publisher *publisher, struct mf_why *why)
{
    mf_err err = mqtt_publication_check(publication, why);
    if (err)
        return err;
    if (!outbox->node)
        return mf_why(why, MF_EUNSUPPORTED, "this node has no broker; its option --mqtt names one");
    if (!outbox->queue)
        return MF_EDEAD;
    struct mqtt_sending *sending = mqtt_sending_create(NULL, mqtt_publication_bytes(publication));
    if (!sending)
        return MF_ENOMEM;
    mqtt_publication_write(publication, sending->record);
    if (publication->qos > 0) {
        err = keep(outbox, sending, publisher);
        free(sending);
        return err;
    }
    err = keep_loose(outbox, sending);
    if (err)
        free(sending);
    else
        publisher->done(publisher, MF_OK);
    return err;
}
