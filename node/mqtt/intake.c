/*
 * intake.c: see intake.h.
 * Guarantees: no message of QoS 1 is acknowledged before it is durable in the queue of each
 * function it is for; one batch at a time is held, of bounded size.
 * Leaves to others: connections (link.c), filters (subscriptions.c), delivery.
 * Owns batches.
 */
#include "node/mqtt/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "abi/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "image/topic.h"
#include "node/functions/function.h"
#include "node/instance/event.h"
#include "node/node.h"

enum copy_state { COPY_WAITING, COPY_SENT, COPY_OVER };

/* A message on its way into one function's queue. */
struct copy {
    struct submission submission;
    struct arrival *arrival;
    enum copy_state state;
    char function[MF_NAME_BYTES_MAX + 1];
};

struct arrival {
    struct link link;
    struct mqtt_batch *batch;
    uint8_t qos;
    bool known;                /* it came before: seen is kept already */
    struct mqtt_seen seen;
    char call_id[2 * MQTT_ID_BYTES + 1];
    struct envelope envelope;  /* points into memory */
    uint8_t *memory;
    size_t count;
    struct copy copies[];
};

struct mqtt_batch {
    struct mqtt_intake *intake;
    bool orphan;                /* its connection went       */
    struct link arrivals;
    uint32_t count;
    size_t bytes;
    uint32_t pending;           /* answers of the store      */
    bool kept;                  /* by the session            */
    bool committing;
    bool refused;               /* something, this time      */
    enum situation situation;   /* the last refusal          */
    const struct copy *culprit;
    uint32_t holds;             /* in a row                  */
    uint64_t held_ns;           /* since when; 0: not        */
};

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
static void commit(struct mqtt_batch *batch);
static void settle(struct mqtt_batch *batch);
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

mf_err mqtt_intake_open(struct mqtt_intake *intake, struct node *node,
                        const struct mqtt_broker *broker, const char *client)
{
    intake->node = node;
    intake->timer.fire = again;
    intake->batch_max = MF_MQTT_BATCH_MAX;
    (void)snprintf(intake->source, sizeof intake->source,
                   strchr(broker->url.host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                   broker->url.tls ? "mqtts" : "mqtt", broker->url.host, (unsigned)broker->url.port);
    mqtt_subscriptions_open(&intake->subscriptions, changed);
    mqtt_link_open(&intake->link, &node->loop, broker, "in", client, true, &parts, intake);
    return mqtt_session_open(&intake->session, node->delivery.store, client,
                             &intake->subscriptions, loaded);
}

static void load(struct mqtt_intake *intake)
{
    mf_err err = mqtt_session_load(&intake->session, delivery_now_ms(&intake->node->delivery));
    if (err)
        loaded(&intake->session, err);
}

void mqtt_intake_begin(struct mqtt_intake *intake)
{
    load(intake);
}

static void loaded(struct mqtt_session *session, mf_err err)
{
    struct mqtt_intake *intake = list_of(session, struct mqtt_intake, session);
    if (intake->quiet)
        return;
    if (err) {
        mf_log(MF_LOG_WARN, "mqtt.waits", "why=\"what is known of the broker's session cannot be "
               "read from the store: %s\"", mf_err_words(err));
        timer_set(&intake->node->loop.timers, &intake->timer,
                  mf_monotonic_ns() + MF_MQTT_HOLD_MS_MAX * MF_NS_PER_MS);
        return;
    }
    intake->begun = true;
    mqtt_link_want(&intake->link, true);
}

void mqtt_intake_quiet(struct mqtt_intake *intake)
{
    if (!intake->node)
        return;
    intake->quiet = true;
    if (!intake->batch || !intake->batch->committing || intake->batch->held_ns)
        mqtt_link_want(&intake->link, false); /* else settle() does */
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
}

static void published(struct mqtt_link *link, int mid, int reason)
{
    (void)link; /* nothing is published here */
    (void)mid;
    (void)reason;
}

/* ---- a message comes ---- */

static void arrival_free(struct arrival *arrival)
{
    list_remove(&arrival->link);
    free(arrival->memory);
    free(arrival);
}

static void batch_free(struct mqtt_batch *batch)
{
    mf_assert(batch->pending == 0);
    list_each_safe(at, &batch->arrivals)
        arrival_free(list_of(at, struct arrival, link));
    free(batch);
}

static struct mqtt_batch *batch_of(struct mqtt_intake *intake)
{
    if (intake->batch)
        return intake->batch;
    intake->batch = calloc(1, sizeof *intake->batch);
    if (intake->batch) {
        intake->batch->intake = intake;
        link_init(&intake->batch->arrivals);
    }
    return intake->batch;
}

/* One line a second at most: any client of the broker can cause them. */
static void drop(struct mqtt_intake *intake, enum mqtt_drop why, const char *topic, size_t bytes)
{
    uint64_t now_ns = intake->node->loop.now_ns;
    intake->drops[why]++;
    if (why == MQTT_DROP_UNWANTED || (intake->told_ns && now_ns - intake->told_ns < MF_NS_PER_S))
        return;
    intake->told_ns = now_ns;
    char text[201];
    (void)snprintf(text, sizeof text, "%s", topic);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == '"' || *at == 0x7f)
            *at = '?';
    mf_log(MF_LOG_WARN, "mqtt.dropped", "topic=\"%s\" bytes=%zu why=%s dropped=%llu", text, bytes,
           mqtt_drop_word(why), (unsigned long long)intake->drops[why]);
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

static void id_text(const uint8_t id[MQTT_ID_BYTES], char text[2 * MQTT_ID_BYTES + 1])
{
    (void)sodium_bin2hex(text, 2 * MQTT_ID_BYTES + 1, id, MQTT_ID_BYTES);
}

/* The event's fields and body, copied: into arrival->memory. */
static mf_err write_event(struct mqtt_intake *intake, const struct mqtt_incoming *incoming,
                          struct arrival *arrival)
{
    static uint8_t fields[MF_HEAD_BYTES_MAX]; /* one thread */
    static struct cloudevent event;
    struct field_writer writer;
    uint64_t now_ns = mf_realtime_ns();
    mf_err err = mqtt_message_event(incoming, intake->source, arrival->call_id,
                                    now_ns / MF_NS_PER_MS, &intake->words, &event);
    field_writer_init(&writer, fields, sizeof fields);
    if (!err)
        err = cloudevent_guest(&event, arrival->call_id, now_ns, &writer);
    if (err && err != MF_ENOMEM) { /* attributes that are more than an event's fields may be */
        err = mqtt_message_plain(incoming, intake->source, arrival->call_id, now_ns / MF_NS_PER_MS,
                                 &intake->words, &event);
        field_writer_init(&writer, fields, sizeof fields);
        if (!err)
            err = cloudevent_guest(&event, arrival->call_id, now_ns, &writer);
    }
    if (!err)
        arrival->memory = malloc(writer.bytes + event.data_bytes + 1);
    if (!err && !arrival->memory)
        err = MF_ENOMEM;
    if (!err) {
        memcpy(arrival->memory, fields, writer.bytes);
        if (event.data_bytes)
            memcpy(arrival->memory + writer.bytes, event.data, event.data_bytes);
        arrival->envelope = (struct envelope){
            .arrived_ns = now_ns, .call_id = arrival->call_id,
            .call_id_bytes = strlen(arrival->call_id), .fields = arrival->memory,
            .field_bytes = writer.bytes, .body = arrival->memory + writer.bytes,
            .body_bytes = event.data_bytes};
    }
    mqtt_words_reset(&intake->words);
    return err;
}

static void take(struct mqtt_intake *intake, const struct mqtt_incoming *incoming)
{
    size_t count = intake->chosen.bytes / sizeof(struct function *);
    struct mqtt_batch *batch = batch_of(intake);
    struct arrival *arrival = batch ? calloc(1, sizeof *arrival + count * sizeof(struct copy)) : NULL;
    intake->starved |= !arrival;
    if (intake->starved) { /* choose() may have been, too */
        free(arrival);
        return;
    }
    link_init(&arrival->link);
    arrival->batch = batch;
    arrival->qos = incoming->qos;
    arrival->known = mqtt_session_see(&intake->session, incoming, &arrival->seen);
    intake->redelivered += arrival->known;
    id_text(arrival->seen.id, arrival->call_id);
    mf_err err = write_event(intake, incoming, arrival);
    if (err) { /* without memory it must come again; what can be no event would for ever */
        arrival_free(arrival);
        intake->starved = err == MF_ENOMEM;
        if (err != MF_ENOMEM)
            drop(intake, MQTT_DROP_TOPIC, incoming->topic, incoming->bytes);
        return;
    }
    arrival->count = count;
    for (size_t i = 0; i < count; i++) {
        struct copy *copy = &arrival->copies[i];
        const struct function *function;
        memcpy(&function, intake->chosen.data + i * sizeof function, sizeof function);
        copy->arrival = arrival;
        memcpy(copy->function, function->name, sizeof copy->function);
    }
    list_append(&batch->arrivals, &arrival->link);
    batch->count++;
    batch->bytes += incoming->bytes + arrival->envelope.field_bytes;
}

static void message(struct mqtt_link *link, const struct mqtt_incoming *incoming)
{
    struct mqtt_intake *intake = link->owner;
    uint32_t numbers[MQTT_NUMBERS_MAX];
    size_t topic_bytes = strlen(incoming->topic);
    if (intake->starved)
        return;
    intake->messages[incoming->qos < 3 ? incoming->qos : 2]++;
    if (topic_name_check(incoming->topic, topic_bytes, NULL) != MF_OK) {
        drop(intake, MQTT_DROP_TOPIC, incoming->topic, incoming->bytes);
        return;
    }
    if (incoming->bytes > MF_BODY_BYTES_MAX) {
        drop(intake, MQTT_DROP_TOO_BIG, incoming->topic, incoming->bytes);
        return;
    }
    intake->chosen.bytes = 0;
    size_t count = numbers_of(incoming, numbers);
    if (mqtt_subscriptions_match(&intake->subscriptions, incoming->topic, topic_bytes, numbers,
                                 count, choose, intake) == 0)
        drop(intake, MQTT_DROP_UNWANTED, incoming->topic, incoming->bytes);
    else
        take(intake, incoming);
}

static bool full(const struct mqtt_link *link)
{
    const struct mqtt_intake *intake = link->owner;
    return intake->starved ||
           (intake->batch && (intake->batch->count >= intake->batch_max ||
                              intake->batch->bytes >= MF_MQTT_BATCH_BYTES_MAX));
}

static void read_over(struct mqtt_link *link)
{
    struct mqtt_intake *intake = link->owner;
    if (intake->starved) { /* what was not taken must not be acknowledged */
        mqtt_link_lose(link, mf_err_words(MF_ENOMEM));
        return;
    }
    if (!intake->batch || intake->batch->committing)
        return;
    mqtt_link_withhold(link, true);
    commit(intake->batch);
}

/* ---- a batch becomes durable ---- */

static void refuse(struct mqtt_batch *batch, enum situation situation, const struct copy *copy)
{
    batch->refused = true;
    batch->situation = situation;
    batch->culprit = copy;
}

static void submitted(struct submission *submission, enum situation situation, const char *text)
{
    struct copy *copy = list_of(submission, struct copy, submission);
    struct mqtt_batch *batch = copy->arrival->batch;
    (void)text;
    copy->state = COPY_OVER;
    /* Of a function that is stopped nobody knows for how long: the others do not wait for it. */
    if (situation == SITUATION_STOPPED) {
        drop(batch->intake, MQTT_DROP_STOPPED, copy->function, copy->arrival->envelope.body_bytes);
    } else if (situation != SITUATION_REPLIED && copy->arrival->qos > 0) {
        copy->state = COPY_WAITING;
        refuse(batch, situation, copy);
    } else if (situation != SITUATION_REPLIED) {
        drop(batch->intake, MQTT_DROP_NO_ROOM, copy->function, copy->arrival->envelope.body_bytes);
    }
    batch->pending--;
    settle(batch);
}

static void kept(void *context, const struct store_answer *answer)
{
    struct mqtt_batch *batch = context;
    batch->kept = !answer->err;
    list_each(at, &batch->arrivals) {
        struct arrival *arrival = list_of(at, struct arrival, link);
        if (batch->kept && arrival->qos && !arrival->known)
            mqtt_session_kept(&batch->intake->session, &arrival->seen);
    }
    if (answer->err)
        refuse(batch, answer->err == MF_EFULL ? SITUATION_DISK_FULL : SITUATION_STORE_AWAY, NULL);
    batch->pending--;
    settle(batch);
}

/* Before the appends are asked for, so that it never takes effect after them. False: refused. */
static bool keep(struct mqtt_batch *batch)
{
    static struct mqtt_seen seen[MF_MQTT_BATCH_MAX]; /* one thread */
    struct mqtt_intake *intake = batch->intake;
    size_t count = 0;
    list_each(at, &batch->arrivals) {
        const struct arrival *arrival = list_of(at, struct arrival, link);
        if (arrival->qos && !arrival->known && count < MF_MQTT_BATCH_MAX)
            seen[count++] = arrival->seen;
    }
    if (count == 0 || batch->kept)
        return true;
    const struct store_ask ask = {delivery_now_ms(&intake->node->delivery), kept, batch};
    mf_err err = mqtt_session_keep(&intake->session, seen, count, &ask);
    if (err)
        refuse(batch, err == MF_EFULL ? SITUATION_DISK_FULL : SITUATION_STORE_AWAY, NULL);
    else
        batch->pending++;
    return !err;
}

static void submit(struct mqtt_batch *batch, struct arrival *arrival)
{
    struct node *node = batch->intake->node;
    for (size_t i = 0; i < arrival->count; i++) {
        struct copy *copy = &arrival->copies[i];
        if (copy->state != COPY_WAITING)
            continue;
        struct function *function = registry_find(&node->registry, copy->function);
        copy->state = COPY_OVER; /* removed meanwhile */
        if (!function)
            continue;
        copy->state = COPY_SENT;
        copy->submission.done = submitted;
        batch->pending++;
        delivery_submit(function, &arrival->envelope, &copy->submission);
    }
}

static void commit(struct mqtt_batch *batch)
{
    batch->committing = true;
    batch->refused = false;
    batch->pending++; /* ours: some are answered at once */
    bool may = keep(batch);
    list_each(at, &batch->arrivals)
        if (may)
            submit(batch, list_of(at, struct arrival, link));
    batch->pending--;
    settle(batch);
}

static void hold(struct mqtt_batch *batch)
{
    struct mqtt_intake *intake = batch->intake;
    uint64_t now_ns = mf_monotonic_ns();
    const char *function = batch->culprit ? batch->culprit->function : "";
    if (!batch->held_ns) {
        batch->held_ns = now_ns;
        intake->batch_max = 1; /* else a slow function's batch might never get through whole */
        intake->held++;
        mf_log(MF_LOG_WARN, "mqtt.held", "messages=%u fn=%s why=%s", batch->count, function,
               situation_code(batch->situation));
    }
    if (intake->quiet) {
        mqtt_link_want(&intake->link, false);
        return;
    }
    if (now_ns - batch->held_ns >= MF_MQTT_HOLD_MS_GIVE_UP * MF_NS_PER_MS) {
        char words[MQTT_WORDS_BYTES];
        (void)snprintf(words, sizeof words, "messages of it cannot be made durable: %s%s%s",
                       situation_meaning(batch->situation), function[0] ? ": " : "", function);
        mqtt_link_lose(&intake->link, words);
        return;
    }
    uint64_t ms = MF_MQTT_HOLD_MS_FIRST;
    for (uint32_t i = 0; i < batch->holds && ms < MF_MQTT_HOLD_MS_MAX; i++)
        ms *= 2;
    batch->holds++;
    timer_set(&intake->node->loop.timers, &intake->timer,
              now_ns + (ms < MF_MQTT_HOLD_MS_MAX ? ms : MF_MQTT_HOLD_MS_MAX) * MF_NS_PER_MS);
}

static void again(struct timer *timer, uint64_t now_ns)
{
    struct mqtt_intake *intake = list_of(timer, struct mqtt_intake, timer);
    (void)now_ns;
    if (!intake->begun)
        load(intake);
    else if (intake->batch)
        commit(intake->batch);
}

static void orphan_settled(struct mqtt_intake *intake)
{
    intake->orphans--;
    if (intake->orphans == 0 && !intake->batch)
        mqtt_link_withhold(&intake->link, false);
}

static void settle(struct mqtt_batch *batch)
{
    struct mqtt_intake *intake = batch->intake;
    if (batch->pending > 0)
        return;
    if (batch->orphan) {
        orphan_settled(intake);
        batch_free(batch);
        return;
    }
    if (batch->refused) {
        hold(batch);
        return;
    }
    if (batch->held_ns)
        mf_log(MF_LOG_INFO, "mqtt.goes-on", "messages=%u held_ms=%llu", batch->count,
               (unsigned long long)((mf_monotonic_ns() - batch->held_ns) / MF_NS_PER_MS));
    else if (intake->batch_max < MF_MQTT_BATCH_MAX)
        intake->batch_max *= 2;
    intake->batch = NULL;
    batch_free(batch);
    mqtt_link_withhold(&intake->link, false); /* acknowledges */
    if (intake->quiet)
        mqtt_link_want(&intake->link, false);
}

/* The broker has what was not acknowledged and sends it again, but for QoS 0: of that the store
 * may still take what was read. */
static void down(struct mqtt_link *link)
{
    struct mqtt_intake *intake = link->owner;
    struct mqtt_batch *batch = intake->batch;
    intake->starved = false;
    mqtt_subscriptions_reset(&intake->subscriptions);
    if (intake->begun)
        timer_stop(&intake->node->loop.timers, &intake->timer);
    intake->batch = NULL;
    if (!batch)
        return;
    if (!batch->committing) {
        batch->pending++;
        list_each(at, &batch->arrivals)
            if (list_of(at, struct arrival, link)->qos == 0)
                submit(batch, list_of(at, struct arrival, link));
        batch->pending--;
    }
    batch->orphan = true;
    intake->orphans++;
    settle(batch);
}
