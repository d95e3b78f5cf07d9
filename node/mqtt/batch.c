/*
 * batch.c: see batch.h.
 * Guarantees: no message of QoS 1 is acknowledged before it is durable in the queue of each
 * function it is for; one batch at a time is held, of bounded size. Of a session that nodes inherit, nothing
 * becomes an event but by who holds its lease when the messages' ids are written down: so an heir, who reads these
 * after he has it, knows the id of whatever became one.
 * Leaves to others: what is read into it, and when (intake.c), delivery.
 * Owns batches.
 */
#include "node/mqtt/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/mqtt/envelope.h"
#include "node/mqtt/lease.h"
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
    const char *topic;         /* in memory, too */
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
    struct mqtt_lease_check check; /* whether we hear still  */
    bool committing;
    bool refused;               /* something, this time      */
    enum situation situation;   /* the last refusal          */
    const struct copy *culprit;
    uint32_t holds;             /* in a row                  */
    uint64_t held_ns;           /* since when; 0: not        */
};

static void settle(struct mqtt_batch *batch);

bool mqtt_batch_is_full(const struct mqtt_batch *batch)
{
    return batch->count >= batch->intake->batch_max || batch->bytes >= MF_MQTT_BATCH_BYTES_MAX;
}

bool mqtt_batch_is_committing(const struct mqtt_batch *batch)
{
    return batch->committing && !batch->held_ns;
}

/* ---- messages come ---- */

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

static void id_text(const uint8_t id[MQTT_ID_BYTES], char text[2 * MQTT_ID_BYTES + 1])
{
    (void)sodium_bin2hex(text, 2 * MQTT_ID_BYTES + 1, id, MQTT_ID_BYTES);
}

void mqtt_batch_take(struct mqtt_intake *intake, const struct mqtt_incoming *incoming)
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
    intake->counts.redelivered += arrival->known;
    id_text(arrival->seen.id, arrival->call_id);
    mf_err err = mqtt_envelope_write(incoming, intake->source, arrival->call_id, &intake->words, &arrival->envelope,
                                     &arrival->memory);
    arrival->topic = err ? NULL : mqtt_envelope_topic(&arrival->envelope);
    if (err) { /* without memory it must come again; what can be no event would for ever */
        arrival_free(arrival);
        intake->starved = err == MF_ENOMEM;
        if (err != MF_ENOMEM)
            mqtt_intake_drop(intake, MQTT_DROP_TOPIC, incoming->topic, incoming->bytes);
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
    batch->bytes += incoming->bytes + arrival->envelope.field_bytes + strlen(arrival->topic);
}

/* ---- they become durable ---- */

static void refuse(struct mqtt_batch *batch, enum situation situation, const struct copy *copy)
{
    batch->refused = true;
    batch->situation = situation;
    batch->culprit = copy;
}

/* What came for a function that is stopped waits in its queue. Once that is full, nobody knows for
 * how long: the others do not wait for it. */
static bool waits_for_nobody(const struct copy *copy, enum situation situation)
{
    const struct function *function = registry_find(&copy->arrival->batch->intake->node->registry, copy->function);
    return situation == SITUATION_STOPPED ||
           (situation == SITUATION_QUEUE_FULL && function && function->stopped);
}

static void drop(const struct copy *copy, enum mqtt_drop why)
{
    const struct arrival *arrival = copy->arrival;
    mqtt_intake_drop(arrival->batch->intake, why, arrival->topic, arrival->envelope.body_bytes);
}

static void submitted(struct submission *submission, enum situation situation, const char *text)
{
    struct copy *copy = list_of(submission, struct copy, submission);
    struct mqtt_batch *batch = copy->arrival->batch;
    (void)text;
    copy->state = COPY_OVER;
    if (waits_for_nobody(copy, situation)) {
        drop(copy, MQTT_DROP_STOPPED);
    } else if (situation != SITUATION_REPLIED && copy->arrival->qos > 0) {
        copy->state = COPY_WAITING;
        refuse(batch, situation, copy);
    } else if (situation != SITUATION_REPLIED) {
        drop(copy, MQTT_DROP_NO_ROOM);
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
        copy->submission.anyhow = true;
        batch->pending++;
        delivery_submit(function, &arrival->envelope, &copy->submission);
    }
}

static void submit_all(struct mqtt_batch *batch, uint8_t qos_max)
{
    list_each(at, &batch->arrivals)
        if (list_of(at, struct arrival, link)->qos <= qos_max)
            submit(batch, list_of(at, struct arrival, link));
}

static void made_sure(struct mqtt_lease_check *check, mf_err err)
{
    struct mqtt_batch *batch = list_of(check, struct mqtt_batch, check);
    if (err)
        refuse(batch, SITUATION_STORE_AWAY, NULL); /* if it is another's, the connection is given up, too */
    submit_all(batch, err ? 0 : UINT8_MAX); /* what the broker sends once is nobody else's */
    batch->pending--;
    settle(batch);
}

/* Behind what was kept: is it ours to make events of? made_sure() goes on. */
static void make_sure(struct mqtt_batch *batch)
{
    batch->check.done = made_sure;
    batch->pending++;
    mf_err err = mqtt_lease_check(batch->intake->lease, &batch->check);
    if (err)
        made_sure(&batch->check, err);
}

void mqtt_batch_commit(struct mqtt_batch *batch)
{
    batch->committing = true;
    batch->refused = false;
    batch->pending++; /* ours: some are answered at once */
    if (keep(batch) && !batch->intake->lease)
        submit_all(batch, UINT8_MAX);
    else if (!batch->refused)
        make_sure(batch);
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
        intake->counts.held++;
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

static void orphan_settled(struct mqtt_intake *intake)
{
    intake->orphans--;
    if (intake->orphans == 0 && !intake->batch)
        mqtt_link_withhold(&intake->link, false);
    if (intake->parts)
        intake->parts->rested(intake); /* may free it */
}

static void settle(struct mqtt_batch *batch)
{
    struct mqtt_intake *intake = batch->intake;
    if (batch->pending > 0)
        return;
    if (batch->orphan) {
        batch_free(batch);
        orphan_settled(intake);
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

/* Of QoS 0 the store may still take what was read. */
void mqtt_batch_abandon(struct mqtt_batch *batch)
{
    batch->intake->batch = NULL;
    if (!batch->committing) {
        batch->pending++;
        submit_all(batch, 0);
        batch->pending--;
    }
    batch->orphan = true;
    batch->intake->orphans++;
    settle(batch);
}
