/*
 * outbox.c: see outbox.h; what comes in is outbox_in.c's.
 * Guarantees: an entry leaves the queue when the broker has acknowledged it, or refused it for
 * good; what is in hand has a bound.
 * Leaves to others: connections (link.c), who may publish what. Owns what it has taken.
 */
#include "node/mqtt/outbox.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/mqtt/session.h"
#include "node/mqtt/wire.h"
#include "node/node.h"

static void up(struct mqtt_link *link, bool resumed);
static void down(struct mqtt_link *link);
static void sent(struct mqtt_link *link, int mid, int reason);
static void message(struct mqtt_link *link, const struct mqtt_incoming *incoming);
static bool never(const struct mqtt_link *link);
static void nothing(struct mqtt_link *link);
static void granted(struct mqtt_link *link, int mid, int reason);
static void left(struct mqtt_link *link, int mid);
static void hint(struct queue_watch *watch);
static void fired(struct timer *timer, uint64_t now_ns);
static void look_again(struct mqtt_outbox *outbox, uint64_t ms);
static void sized(void *context, const struct store_answer *answer);
static void taken(void *context, const struct store_answer *answer);
static void send_one(struct mqtt_outbox *outbox, struct mqtt_sending *sending);
static const struct mqtt_link_parts parts = {up, down, message, never, nothing, granted, left, sent};

mf_err mqtt_outbox_open(struct mqtt_outbox *outbox, struct node *node,
                        const struct mqtt_broker *broker, const char *client)
{
    const struct queue_settings settings = {.durability = STORE_POWER_LOSS,
                                            .count_max = MF_MQTT_OUT_COUNT_MAX,
                                            .bytes_max = MF_MQTT_OUT_QUEUE_BYTES_MAX};
    outbox->node = node;
    outbox->watch.ready = hint;
    outbox->timer.fire = fired;
    outbox->due_ns = TIMER_NEVER;
    mqtt_sendings_init(&outbox->in_hand);
    mqtt_sendings_init(&outbox->loose);
    link_init(&outbox->watch.link);
    mqtt_link_open(&outbox->link, &node->loop, broker, "out", client, false, &parts, outbox);
    mf_err err = queue_get(node->delivery.store, MQTT_TENANT, MQTT_OUT_QUEUE, &settings,
                           &outbox->queue);
    if (!err)
        queue_watch(outbox->queue, &outbox->watch);
    return err;
}

void mqtt_outbox_begin(struct mqtt_outbox *outbox)
{
    const struct store_ask ask = {delivery_now_ms(&outbox->node->delivery), sized, outbox};
    if (queue_stat(outbox->queue, &ask) != MF_OK)
        look_again(outbox, MF_MQTT_HOLD_MS_MAX);
    mqtt_outbox_pump(outbox);
}

static void sized(void *context, const struct store_answer *answer)
{
    struct mqtt_outbox *outbox = context;
    outbox->more |= answer->err || answer->stat.count > 0; /* not known: a take tells */
    mqtt_outbox_pump(outbox);
}

void mqtt_outbox_quiet(struct mqtt_outbox *outbox)
{
    outbox->quiet = true;
}

void mqtt_outbox_close(struct mqtt_outbox *outbox)
{
    if (!outbox->node)
        return;
    outbox->quiet = true;
    mqtt_link_close(&outbox->link);
    timer_stop(&outbox->node->loop.timers, &outbox->timer);
    while (!list_empty(&outbox->in_hand.list)) /* leased; the next start finds them */
        mqtt_sendings_drop(&outbox->in_hand, mqtt_sendings_first(&outbox->in_hand));
    while (!list_empty(&outbox->loose.list))
        mqtt_sendings_drop(&outbox->loose, mqtt_sendings_first(&outbox->loose));
    if (outbox->queue) {
        queue_unwatch(outbox->queue, &outbox->watch);
        queue_put(outbox->queue);
        outbox->queue = NULL;
    }
}

static void hint(struct queue_watch *watch)
{
    struct mqtt_outbox *outbox = list_of(watch, struct mqtt_outbox, watch);
    outbox->more = true;
    mqtt_outbox_pump(outbox);
}

static bool has_work(const struct mqtt_outbox *outbox)
{
    return outbox->more || outbox->taking || outbox->in_hand.count > 0 || outbox->loose.count > 0;
}

/* When the connection has been idle, or without an answer, for too long. */
static uint64_t patience_ns(const struct mqtt_outbox *outbox)
{
    if (outbox->link.state != LINK_UP)
        return TIMER_NEVER;
    if (outbox->in_hand.count > 0)
        return mqtt_sendings_first(&outbox->in_hand)->sent_ns +
               MF_MQTT_OUT_ANSWER_MS * MF_NS_PER_MS;
    return outbox->active_ns + MF_MQTT_OUT_IDLE_MS * MF_NS_PER_MS;
}

static void set_timer(struct mqtt_outbox *outbox)
{
    uint64_t at_ns = patience_ns(outbox);
    timer_set(&outbox->node->loop.timers, &outbox->timer,
              at_ns < outbox->due_ns ? at_ns : outbox->due_ns);
}

static void look_again(struct mqtt_outbox *outbox, uint64_t ms)
{
    outbox->due_ns = mf_monotonic_ns() + ms * MF_NS_PER_MS;
}

static void fired(struct timer *timer, uint64_t now_ns)
{
    struct mqtt_outbox *outbox = list_of(timer, struct mqtt_outbox, timer);
    if (now_ns >= outbox->due_ns) {
        outbox->due_ns = TIMER_NEVER;
        outbox->more = true;
    }
    if (now_ns >= patience_ns(outbox)) {
        if (outbox->in_hand.count > 0)
            mqtt_link_lose(&outbox->link, "it does not acknowledge what is published");
        else if (!has_work(outbox))
            mqtt_link_want(&outbox->link, false);
    }
    mqtt_outbox_pump(outbox);
}

static uint32_t room(const struct mqtt_outbox *outbox)
{
    uint32_t most = outbox->narrow ? 1 : MF_MQTT_OUT_WINDOW;
    if (outbox->in_hand.count >= most || (outbox->in_hand.count && outbox->in_hand.bytes >= MF_MQTT_OUT_BYTES_MAX))
        return 0;
    return most - outbox->in_hand.count;
}

static void take(struct mqtt_outbox *outbox)
{
    uint32_t count = room(outbox);
    const struct store_ask ask = {delivery_now_ms(&outbox->node->delivery), taken, outbox};
    if (!outbox->more || outbox->taking || count == 0 || outbox->quiet)
        return;
    outbox->taking = queue_take(outbox->queue, count, MF_MQTT_OUT_BYTES_MAX, MF_MQTT_OUT_LEASE_MS,
                                &ask) == MF_OK;
    outbox->more = false; /* a hint meanwhile says more */
    if (!outbox->taking)
        look_again(outbox, MF_MQTT_HOLD_MS_MAX);
}

/* Not from within one of libmosquitto's callbacks. */
void mqtt_outbox_pump(struct mqtt_outbox *outbox)
{
    if (!outbox->queue)
        return;
    if (has_work(outbox)) {
        outbox->active_ns = mf_monotonic_ns();
        if (!outbox->quiet)
            mqtt_link_want(&outbox->link, true);
    }
    if (outbox->link.state != LINK_UP) {
        set_timer(outbox);
        return;
    }
    while (!list_empty(&outbox->loose.list)) {
        struct mqtt_sending *sending = mqtt_sendings_first(&outbox->loose);
        send_one(outbox, sending);
        mqtt_sendings_drop(&outbox->loose, sending);
    }
    take(outbox);
    mqtt_link_flush(&outbox->link);
    set_timer(outbox);
}

static void bury(struct mqtt_outbox *outbox, uint64_t id, uint32_t attempts, const char *why)
{
    const struct store_ask ask = {.now_ms = delivery_now_ms(&outbox->node->delivery)};
    outbox->refused++;
    mf_log(MF_LOG_ERROR, "mqtt.not-published", "id=%llu why=\"%s\"", (unsigned long long)id, why);
    /* If it fails, the lease ends, and the entry comes again. */
    (void)!queue_bury(outbox->queue, id, attempts, (struct store_bytes){why, strlen(why)}, &ask);
}

static void send_one(struct mqtt_outbox *outbox, struct mqtt_sending *sending)
{
    struct mqtt_publication publication;
    struct mf_why why = {{0}};
    mf_err err = mqtt_publication_read(sending->record, sending->bytes, &publication, &why);
    int rc = err ? MOSQ_ERR_INVAL : mqtt_wire_put(&outbox->link, &publication, &sending->mid);
    sending->sent_ns = mf_monotonic_ns();
    if (!sending->id) {
        outbox->published[0] += !rc;
        outbox->dropped += rc != 0;
        return;
    }
    if (!rc || rc == MOSQ_ERR_NO_CONN || rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_NOMEM)
        return; /* the first one has an answer, the others get none: the connection is lost, or ends in time */
    bury(outbox, sending->id, sending->attempts,
         err ? mf_why_text(&why, err) : mosq.strerror(rc));
    mqtt_sendings_drop(&outbox->in_hand, sending);
}

static void begin(struct mqtt_outbox *outbox, const struct queue_entry *entry)
{
    struct mqtt_sending *sending = mqtt_sending_create(entry->event.data, entry->event.bytes);
    if (!sending) { /* its lease ends */
        mqtt_link_lose(&outbox->link, mf_err_words(MF_ENOMEM));
        return;
    }
    sending->id = entry->id;
    sending->attempts = entry->attempts;
    mqtt_sendings_add(&outbox->in_hand, sending);
    if (entry->attempts > MF_MQTT_OUT_ATTEMPTS_MAX) {
        bury(outbox, sending->id, sending->attempts,
             "the connection was lost each time that it was sent");
        mqtt_sendings_drop(&outbox->in_hand, sending);
        return;
    }
    send_one(outbox, sending);
}

static void give_back(struct mqtt_outbox *outbox, uint64_t id, uint32_t attempts, uint64_t now_ms)
{
    const struct store_ask ask = {.now_ms = now_ms};
    (void)!queue_nack(outbox->queue, id, attempts, 0, &ask); /* else its lease ends */
    outbox->more = true;
}

static void taken(void *context, const struct store_answer *answer)
{
    struct mqtt_outbox *outbox = context;
    uint64_t now_ms = delivery_now_ms(&outbox->node->delivery);
    outbox->taking = false;
    if (!outbox->queue)
        return; /* closed */
    if (answer->err)
        look_again(outbox, MF_MQTT_HOLD_MS_MAX);
    for (size_t i = 0; i < answer->count; i++)
        if (outbox->link.state == LINK_UP && !outbox->quiet)
            begin(outbox, &answer->entries[i]);
        else
            give_back(outbox, answer->entries[i].id, answer->entries[i].attempts, now_ms);
    if (!answer->err && answer->due_ms <= now_ms)
        outbox->more = true;
    else if (!answer->err && answer->due_ms != STORE_NEVER && outbox->in_hand.count == 0)
        look_again(outbox, answer->due_ms - now_ms); /* another node has it, or had */
    mqtt_outbox_pump(outbox);
}

/* ---- what the link says ---- */

static void up(struct mqtt_link *link, bool resumed)
{
    (void)resumed;
    link->due = true; /* for a turn: this is within one of libmosquitto's callbacks */
}

static void down(struct mqtt_link *link)
{
    struct mqtt_outbox *outbox = link->owner;
    uint64_t now_ms = delivery_now_ms(&outbox->node->delivery); /* one for all: their order stays */
    outbox->narrow = outbox->in_hand.count > 0; /* if one of them is why, the others must not count it */
    while (!list_empty(&outbox->in_hand.list)) {
        struct mqtt_sending *sending = mqtt_sendings_first(&outbox->in_hand);
        give_back(outbox, sending->id, sending->attempts, now_ms);
        mqtt_sendings_drop(&outbox->in_hand, sending);
    }
    outbox->dropped += outbox->loose.count;
    while (!list_empty(&outbox->loose.list))
        mqtt_sendings_drop(&outbox->loose, mqtt_sendings_first(&outbox->loose));
    set_timer(outbox);
}

static void sent(struct mqtt_link *link, int mid, int reason)
{
    struct mqtt_outbox *outbox = link->owner;
    struct mqtt_sending *sending = mqtt_sendings_of_mid(&outbox->in_hand, mid);
    if (!sending)
        return; /* of QoS 0 */
    outbox->narrow = false;
    if (reason >= 128) {
        bury(outbox, sending->id, sending->attempts, mosq.reason_string(reason));
    } else {
        const struct store_ask ask = {.now_ms = delivery_now_ms(&outbox->node->delivery)};
        struct mqtt_publication publication;
        if (mqtt_publication_read(sending->record, sending->bytes, &publication, NULL) == MF_OK)
            outbox->published[publication.qos]++;
        (void)!queue_ack(outbox->queue, sending->id, sending->attempts, &ask);
    }
    mqtt_sendings_drop(&outbox->in_hand, sending);
    link->due = true; /* more is taken in the next turn, outside of libmosquitto */
}

static void nothing(struct mqtt_link *link)
{
    mqtt_outbox_pump(link->owner);
}

static void message(struct mqtt_link *link, const struct mqtt_incoming *incoming)
{
    (void)link; /* nothing is subscribed to here */
    (void)incoming;
}

static bool never(const struct mqtt_link *link)
{
    (void)link;
    return false;
}

static void granted(struct mqtt_link *link, int mid, int reason)
{
    (void)link;
    (void)mid;
    (void)reason;
}

static void left(struct mqtt_link *link, int mid)
{
    (void)link;
    (void)mid;
}
