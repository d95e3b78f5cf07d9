/* status.c: what is told of MQTT: in GET /v1/node, and in metrics. */
#include "node/mqtt/heir.h"
#include "node/mqtt/mqtt.h"

#define LINKS (MQTT_INTAKES + 1)

static uint32_t refused(const struct mqtt_subscriptions *subscriptions)
{
    uint32_t count = 0;
    list_each(at, &subscriptions->in_order)
        count += list_of(at, struct mqtt_filter, in_order)->state == FILTER_REFUSED;
    return count;
}

static bool is_held(const struct mqtt_intake *intake)
{
    return intake->batch && intake->link.withheld;
}

/* Of all of a node's sessions. */
struct sum {
    struct mqtt_counts counts;
    uint32_t subscriptions, refused;
    bool holds; /* one does now */
};

static void add(const struct mqtt_intake *intake, struct sum *sum)
{
    mqtt_counts_add(&sum->counts, &intake->counts);
    sum->subscriptions += intake->subscriptions.count;
    sum->refused += refused(&intake->subscriptions);
    sum->holds |= is_held(intake);
}

static struct sum sum_of(const struct mqtt *mqtt)
{
    struct sum sum = {.counts = mqtt->heirs.ended_counts};
    for (int i = 0; i < MQTT_INTAKES; i++)
        add(&mqtt->intake[i], &sum);
    if (mqtt->heirs.node)
        list_each(at, &mqtt->heirs.list)
            add(&list_of(at, struct mqtt_heir, link)->intake, &sum);
    return sum;
}

json_t *mqtt_status(const struct mqtt *mqtt)
{
    const struct mqtt_intake *intake = &mqtt->intake[MQTT_BULK], *urgent = &mqtt->intake[MQTT_URGENT];
    const struct mqtt_link *link = &intake->link;
    uint32_t hears, waits;
    if (!mqtt->open)
        return json_null();
    const struct sum sum = sum_of(mqtt);
    mqtt_heirs_count(&mqtt->heirs, &hears, &waits);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:b, s:i, s:i, s:s, s:s}", "broker", intake->source,
                     "client", link->client, "state", mqtt_link_state_word(link->state), "version",
                     link->old ? "3.1.1" : "5", "why", link->state == LINK_UP ? "" : link->words,
                     "subscriptions", (int)sum.subscriptions, "refused", (int)sum.refused,
                     "held", sum.holds, "hears", (int)hears, "waits", (int)waits, "urgent",
                     mqtt_link_state_word(urgent->link.state), "publishing",
                     mqtt_link_state_word(mqtt->outbox.link.state));
}

static mf_err family(struct mf_buf *out, const char *name, const char *type, const char *help)
{
    return mf_buf_printf(out, "# HELP mayfly_mqtt_%s %s\n# TYPE mayfly_mqtt_%s %s\n", name, help, name,
                         type);
}

static mf_err links(const struct mqtt *mqtt, struct mf_buf *out)
{
    const struct mqtt_link *const link[] = {&mqtt->intake[MQTT_BULK].link, &mqtt->intake[MQTT_URGENT].link,
                                            &mqtt->outbox.link};
    mf_err err = family(out, "connected", "gauge", "Whether the broker is there; connections out, and in for urgent functions, are made when they are needed.");
    for (int i = 0; i < LINKS && !err; i++)
        err = mf_buf_printf(out, "mayfly_mqtt_connected{link=\"%s\"} %d\n", link[i]->role,
                            link[i]->state == LINK_UP);
    if (!err)
        err = family(out, "connections_total", "counter", "Connections that were made.");
    for (int i = 0; i < LINKS && !err; i++)
        err = mf_buf_printf(out, "mayfly_mqtt_connections_total{link=\"%s\"} %llu\n", link[i]->role,
                            (unsigned long long)link[i]->connections);
    if (!err)
        err = family(out, "lost_total", "counter", "Connections that were lost.");
    for (int i = 0; i < LINKS && !err; i++)
        err = mf_buf_printf(out, "mayfly_mqtt_lost_total{link=\"%s\"} %llu\n", link[i]->role,
                            (unsigned long long)link[i]->losses);
    return err;
}

static mf_err came(const struct mqtt *mqtt, struct mf_buf *out)
{
    const struct sum sum = sum_of(mqtt);
    uint32_t hears, waits;
    mf_err err = family(out, "messages_total", "counter", "Messages that came.");
    for (int qos = 0; qos < 3 && !err; qos++)
        err = mf_buf_printf(out, "mayfly_mqtt_messages_total{qos=\"%d\"} %llu\n", qos,
                            (unsigned long long)sum.counts.messages[qos]);
    if (!err)
        err = family(out, "redelivered_total", "counter",
                     "Messages that came again, with the id they had.");
    if (!err)
        err = mf_buf_printf(out, "mayfly_mqtt_redelivered_total %llu\n", (unsigned long long)sum.counts.redelivered);
    if (!err)
        err = family(out, "dropped_total", "counter", "Messages that got to no function, by reason.");
    for (enum mqtt_drop why = 0; why < MQTT_DROP_COUNT && !err; why++)
        err = mf_buf_printf(out, "mayfly_mqtt_dropped_total{reason=\"%s\"} %llu\n",
                            mqtt_drop_word(why), (unsigned long long)sum.counts.drops[why]);
    if (!err)
        err = family(out, "held_total", "counter",
                     "Times that messages were not acknowledged at once, for want of room.");
    if (!err)
        err = mf_buf_printf(out, "mayfly_mqtt_held_total %llu\n", (unsigned long long)sum.counts.held);
    if (!err)
        err = family(out, "subscriptions", "gauge", "Topic filters that functions have.");
    if (!err)
        err = mf_buf_printf(out, "mayfly_mqtt_subscriptions %u\n", sum.subscriptions);
    if (err || !mqtt->heirs.node)
        return err;
    mqtt_heirs_count(&mqtt->heirs, &hears, &waits);
    err = family(out, "functions", "gauge", "Functions of which one of the store's nodes hears: this one, another.");
    return err ? err : mf_buf_printf(out, "mayfly_mqtt_functions{by=\"this\"} %u\n"
                                     "mayfly_mqtt_functions{by=\"another\"} %u\n", hears, waits);
}

static mf_err went(const struct mqtt_outbox *outbox, struct mf_buf *out)
{
    mf_err err = family(out, "published_total", "counter",
                        "Publications: sent, or, with QoS 1 and 2, acknowledged by the broker.");
    for (int qos = 0; qos < 3 && !err; qos++)
        err = mf_buf_printf(out, "mayfly_mqtt_published_total{qos=\"%d\"} %llu\n", qos,
                            (unsigned long long)outbox->published[qos]);
    if (!err)
        err = family(out, "not_published_total", "counter",
                     "Publications that the broker refused, or of QoS 0 while it was away.");
    if (!err)
        err = mf_buf_printf(out, "mayfly_mqtt_not_published_total{reason=\"refused\"} %llu\n"
                            "mayfly_mqtt_not_published_total{reason=\"away\"} %llu\n",
                            (unsigned long long)outbox->refused, (unsigned long long)outbox->dropped);
    return err;
}

mf_err mqtt_metrics(const struct mqtt *mqtt, struct mf_buf *out)
{
    if (!mqtt->open)
        return MF_OK;
    mf_err err = links(mqtt, out);
    if (!err)
        err = came(mqtt, out);
    if (!err)
        err = went(&mqtt->outbox, out);
    return err;
}
