/*
 * serve.c: see serve.h.
 * Guarantees: each operation is answered once. Leaves to others: which topics a function may
 * publish to (operations/permit.c).
 */
#include "node/mqtt/serve.h"

#include <stdlib.h>

#include "node/node.h"

struct publish {
    struct mqtt_publisher publisher;
    struct operation *operation;
};

static void refuse(struct operation *operation, mf_err err, const char *words)
{
    operation_refuse(operation, operation_error(err), words);
}

static void published(struct mqtt_publisher *publisher, mf_err err)
{
    struct publish *publish = list_of(publisher, struct publish, publisher);
    struct operation *operation = publish->operation;
    free(publish);
    if (err)
        refuse(operation, err, err == MF_EFULL ? "as much waits for the broker as may, or the disk is full"
                                               : "the broker, or the store, does not answer");
    else
        operation_answer(operation, &(struct operation_reply){.error = MF_RESULT_OK});
}

static void serve(struct operation *operation)
{
    const struct operation_part *topic = &operation->request.part[PART_TOPIC];
    const struct operation_part *payload = &operation->request.part[PART_PAYLOAD];
    const struct mf_op_publish *asked = &operation->request.publish;
    const uint32_t hops = operation_hops(operation);
    const struct mqtt_publication publication = {
        .topic = (const char *)topic->data,
        .topic_bytes = topic->bytes,
        .content_type = "",
        .payload = payload->data,
        .bytes = payload->bytes,
        .qos = (uint8_t)(asked->qos <= 2 ? asked->qos : 3),
        .retain = asked->flags & MF_OP_RETAIN,
        .hops = (uint8_t)hops,
    };
    struct mf_why why = {{0}};
    if (hops > MF_THEN_HOPS_MAX) {
        refuse(operation, MF_EINVAL, OPERATION_CIRCLE);
        return;
    }
    struct publish *publish = calloc(1, sizeof *publish);
    if (!publish) {
        refuse(operation, MF_ENOMEM, "no memory");
        return;
    }
    *publish = (struct publish){.publisher = {published}, .operation = operation};
    mf_err err = mqtt_publish(&operation->node->mqtt, &publication, &publish->publisher, &why);
    if (!err)
        return;
    free(publish);
    refuse(operation, err, mf_why_text(&why, err));
}

void mqtt_serve(struct node *node)
{
    node->operations.services.publish = serve;
}
