/*
 * intake.c: see intake.h.
 * Guarantees: the broker is told of each filter that functions have, after every connect and
 * change; nothing is read while a batch is on its way; each message is counted, as taken or as dropped.
 * Leaves to others: connections (link.c), filters (subscriptions.c), batches (batch.c).
 */
#include "node/mqtt/intake.h"

#include <stdio.h>
#include <string.h>

#include "abi/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "image/topic.h"
#include "node/mqtt/batch.h"
#include "node/node.h"

static void up(struct mqtt_link *link, bool resumed);
static void down(struct mqtt_link *link);
static void message(struct mqtt_link *link, const struct mqtt_incoming *incoming);
static bool full(const struct mqtt_link *link);
static void read_over(struct mqtt_link *link);
static void granted(struct mqtt_link *link, int mid, int reason);
static void published(struct mqtt_link *link, int mid, int reason);
static void left(struct mqtt_link *link, int mid);
static void changed(struct mqtt_subscriptions *subscriptions, struct mqtt_filter *filter);
static void loaded(struct mqtt_session *session, mf_err err);
static void again(struct timer *timer, uint64_t now_ns);
static const struct mqtt_link_parts parts = {up, down, message, full, read_over, granted, left,
                                             published};

const char *mqtt_drop_word(enum mqtt_drop drop)
{
    static const char *const word[] = {
#define WORD(NAME, word_) [MQTT_DROP_##NAME] = word_,
        MQTT_DROPS(WORD)
#undef WORD
    };
    return word[drop];
}

void mqtt_counts_add(struct mqtt_counts *sum, const struct mqtt_counts *counts)
{
    for (int qos = 0; qos < 3; qos++)
        sum->messages[qos] += counts->messages[qos];
    for (enum mqtt_drop why = 0; why < MQTT_DROP_COUNT; why++)
        sum->drops[why] += counts->drops[why];
    sum->redelivered += counts->redelivered;
    sum->held += counts->held;
}

mf_err mqtt_intake_open(struct mqtt_intake *intake, struct node *node,
                        const struct mqtt_broker *broker, const char *client, const char *me,
                        const char *role, bool lazy)
{
    intake->node = node;
    intake->lazy = lazy;
    intake->timer.fire = again;
    intake->batch_max = MF_MQTT_BATCH_MAX;
    (void)snprintf(intake->source, sizeof intake->source,
                   strchr(broker->url.host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                   broker->url.tls ? "mqtts" : "mqtt", broker->url.host, (unsigned)broker->url.port);
    mqtt_subscriptions_open(&intake->subscriptions, changed);
    mqtt_link_open(&intake->link, &node->loop, broker, role, client, true, &parts, intake);
    return mqtt_session_open(&intake->session, node->delivery.store, client, me,
                             &intake->subscriptions, loaded);
}

static void load(struct mqtt_intake *intake)
{
    intake->loading = true;
    mf_err err = mqtt_session_load(&intake->session, delivery_now_ms(&intake->node->delivery));
    if (err)
        loaded(&intake->session, err);
}

void mqtt_intake_begin(struct mqtt_intake *intake)
{
    if (intake->hears)
        return;
    intake->hears = true;
    if (!intake->loading) /* else it is read again behind that */
        load(intake);
}

void mqtt_intake_pause(struct mqtt_intake *intake)
{
    intake->hears = false;
    intake->stale = intake->loading;
    mqtt_link_want(&intake->link, false);
    timer_stop(&intake->node->loop.timers, &intake->timer);
    intake->begun = false;
}

bool mqtt_intake_rests(const struct mqtt_intake *intake)
{
    return !intake->loading && !intake->batch && intake->orphans == 0;
}

static void loaded(struct mqtt_session *session, mf_err err)
{
    struct mqtt_intake *intake = list_of(session, struct mqtt_intake, session);
    bool stale = intake->stale;
    intake->loading = intake->stale = false;
    if (intake->quiet || !intake->hears) {
        if (intake->parts)
            intake->parts->rested(intake);
        return;
    }
    if (stale) {
        load(intake);
        return;
    }
    if (err) {
        mf_log(MF_LOG_WARN, "mqtt.waits", "why=\"what is known of the broker's session cannot be "
               "read from the store: %s\"", mf_err_words(err));
        timer_set(&intake->node->loop.timers, &intake->timer,
                  mf_monotonic_ns() + MF_MQTT_HOLD_MS_MAX * MF_NS_PER_MS);
        return;
    }
    intake->begun = true;
    if (!intake->lazy || intake->subscriptions.count)
        mqtt_link_want(&intake->link, true);
}

void mqtt_intake_quiet(struct mqtt_intake *intake)
{
    if (!intake->node)
        return;
    intake->quiet = true;
    if (!intake->batch || !mqtt_batch_is_committing(intake->batch))
        mqtt_link_want(&intake->link, false); /* else the batch does, when it is over */
}

void mqtt_intake_close(struct mqtt_intake *intake)
{
    if (!intake->node)
        return;
    intake->quiet = true;
    mqtt_link_close(&intake->link);
    timer_stop(&intake->node->loop.timers, &intake->timer);
    mqtt_session_close(&intake->session);
    mqtt_subscriptions_close(&intake->subscriptions);
    mqtt_words_reset(&intake->words);
    mf_buf_close(&intake->chosen);
}

/* ---- subscriptions ---- */

static void tell(struct mqtt_intake *intake, struct mqtt_filter *filter)
{
    struct mqtt_link *link = &intake->link;
    uint64_t now_ms = delivery_now_ms(&intake->node->delivery);
    mosquitto_property *properties = NULL;
    int mid = 0, rc;
    if (filter->state == FILTER_LEAVING) {
        rc = mosq.unsubscribe_v5(link->handle, &mid, filter->text, NULL);
    } else {
        mqtt_session_filter(&intake->session, filter, true, now_ms);
        rc = link->numbers ? mosq.property_add_varint(&properties,
                                                           MQTT_PROP_SUBSCRIPTION_IDENTIFIER,
                                                           filter->number)
                           : MOSQ_ERR_SUCCESS;
        if (!rc)
            rc = mosq.subscribe_v5(link->handle, &mid, filter->text, filter->qos,
                                        MQTT_SUB_OPT_SEND_RETAIN_NEW, properties);
        mosq.property_free_all(&properties);
    }
    if (!rc)
        mqtt_subscriptions_asked(&intake->subscriptions, filter, mid);
    else if (filter->state != FILTER_LEAVING) {
        filter->state = FILTER_REFUSED;
        mf_log(MF_LOG_ERROR, "mqtt.not-subscribed", "filter=\"%.200s\" why=\"%s\"", filter->text,
               mosq.strerror(rc));
    }
}

static void changed(struct mqtt_subscriptions *subscriptions, struct mqtt_filter *filter)
{
    struct mqtt_intake *intake = list_of(subscriptions, struct mqtt_intake, subscriptions);
    if (intake->begun && !intake->quiet)
        mqtt_link_want(&intake->link, true); /* up() tells, then */
    if (intake->link.state != LINK_UP || intake->quiet)
        return;
    tell(intake, filter);
    mqtt_link_flush(&intake->link);
}

static void up(struct mqtt_link *link, bool resumed)
{
    struct mqtt_intake *intake = link->owner;
    (void)resumed; /* what the broker remembers may be older than what we want */
    list_each(at, &intake->subscriptions.in_order)
        tell(intake, list_of(at, struct mqtt_filter, in_order));
    if (intake->parts && intake->subscriptions.count == 0)
        intake->parts->empty(intake);
    if (intake->orphans)
        mqtt_link_withhold(link, true); /* until they are answered: what is held has a bound */
}

static void granted(struct mqtt_link *link, int mid, int reason)
{
    struct mqtt_intake *intake = link->owner;
    struct mqtt_filter *filter = mqtt_subscriptions_answered(&intake->subscriptions, mid);
    if (!filter || filter->state == FILTER_LEAVING)
        return;
    filter->state = reason < 128 ? FILTER_GRANTED : FILTER_REFUSED;
    if (reason >= 128)
        mf_log(MF_LOG_ERROR, "mqtt.not-subscribed", "filter=\"%.200s\" why=\"the broker: %s\"",
               filter->text, link->old ? "refused" : mosq.reason_string(reason));
    else if (reason < filter->qos)
        mf_log(MF_LOG_WARN, "mqtt.qos", "filter=\"%.200s\" asked=%u granted=%d", filter->text,
               filter->qos, reason);
}

static void left(struct mqtt_link *link, int mid)
{
    struct mqtt_intake *intake = link->owner;
    struct mqtt_filter *filter = mqtt_subscriptions_answered(&intake->subscriptions, mid);
    if (!filter || filter->state != FILTER_LEAVING)
        return;
    mqtt_session_filter(&intake->session, filter, false,
                        delivery_now_ms(&intake->node->delivery));
    mqtt_filter_free(&intake->subscriptions, filter);
    if (intake->parts && intake->subscriptions.count == 0)
        intake->parts->empty(intake);
}

static void published(struct mqtt_link *link, int mid, int reason)
{
    (void)link; /* nothing is published here */
    (void)mid;
    (void)reason;
}

/* ---- a message comes ---- */

/* One line a second at most: any client of the broker can cause them. */
void mqtt_intake_drop(struct mqtt_intake *intake, enum mqtt_drop why, const char *topic, size_t bytes)
{
    uint64_t now_ns = intake->node->loop.now_ns;
    intake->counts.drops[why]++;
    if (why == MQTT_DROP_UNWANTED || (intake->told_ns && now_ns - intake->told_ns < MF_NS_PER_S))
        return;
    intake->told_ns = now_ns;
    char text[201];
    (void)snprintf(text, sizeof text, "%s", topic);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == '"' || *at == 0x7f)
            *at = '?';
    mf_log(MF_LOG_WARN, "mqtt.dropped", "topic=\"%s\" bytes=%zu why=%s dropped=%llu", text, bytes,
           mqtt_drop_word(why), (unsigned long long)intake->counts.drops[why]);
}

static size_t numbers_of(const struct mqtt_incoming *incoming, uint32_t numbers[])
{
    const mosquitto_property *at = incoming->properties;
    size_t count = 0;
    while (at && count < MQTT_NUMBERS_MAX) {
        at = mosq.property_read_varint(at, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, &numbers[count],
                                            count > 0);
        count += at != NULL;
    }
    return count;
}

static void choose(void *context, struct function *function)
{
    struct mqtt_intake *intake = context;
    if (mf_buf_add(&intake->chosen, &function, sizeof function) != MF_OK)
        intake->starved = true;
}

static void message(struct mqtt_link *link, const struct mqtt_incoming *incoming)
{
    struct mqtt_intake *intake = link->owner;
    uint32_t numbers[MQTT_NUMBERS_MAX];
    size_t topic_bytes = strlen(incoming->topic);
    if (intake->starved)
        return;
    intake->counts.messages[incoming->qos < 3 ? incoming->qos : 2]++;
    if (topic_name_check(incoming->topic, topic_bytes, NULL) != MF_OK) {
        mqtt_intake_drop(intake, MQTT_DROP_TOPIC, incoming->topic, incoming->bytes);
        return;
    }
    if (incoming->bytes > MF_BODY_BYTES_MAX) {
        mqtt_intake_drop(intake, MQTT_DROP_TOO_BIG, incoming->topic, incoming->bytes);
        return;
    }
    intake->chosen.bytes = 0;
    size_t count = numbers_of(incoming, numbers);
    size_t functions = mqtt_subscriptions_match(&intake->subscriptions, incoming->topic, topic_bytes,
                                                numbers, count, choose, intake);
    if (functions == 0) /* the function may be in another session since */
        functions = mqtt_match_elsewhere(&intake->node->mqtt, intake, incoming->topic, numbers, count, choose);
    if (functions == 0)
        mqtt_intake_drop(intake, MQTT_DROP_UNWANTED, incoming->topic, incoming->bytes);
    else
        mqtt_batch_take(intake, incoming);
}

static bool full(const struct mqtt_link *link)
{
    const struct mqtt_intake *intake = link->owner;
    return intake->starved || (intake->batch && mqtt_batch_is_full(intake->batch));
}

static void read_over(struct mqtt_link *link)
{
    struct mqtt_intake *intake = link->owner;
    if (intake->starved) { /* what was not taken must not be acknowledged */
        mqtt_link_lose(link, mf_err_words(MF_ENOMEM));
        return;
    }
    if (!intake->batch || link->withheld)
        return;
    mqtt_link_withhold(link, true);
    mqtt_batch_commit(intake->batch);
}

static void again(struct timer *timer, uint64_t now_ns)
{
    struct mqtt_intake *intake = list_of(timer, struct mqtt_intake, timer);
    (void)now_ns;
    if (!intake->begun && !intake->loading)
        load(intake);
    else if (intake->batch)
        mqtt_batch_commit(intake->batch);
}

static void down(struct mqtt_link *link)
{
    struct mqtt_intake *intake = link->owner;
    struct mqtt_batch *batch = intake->batch;
    intake->starved = false;
    mqtt_subscriptions_reset(&intake->subscriptions);
    if (intake->begun)
        timer_stop(&intake->node->loop.timers, &intake->timer);
    if (batch)
        mqtt_batch_abandon(batch);
    if (intake->parts && link->wanted)
        intake->parts->down(intake);
}
