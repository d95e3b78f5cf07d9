/*
 * delivery.c: the store of a node, and who is told of events in it.
 * Guarantees: an event is accepted only when the store has it as durable as a disk; queues of
 * functions that are deployed are looked at when the node starts, a bounded number at once.
 * Leaves to others: takes (consumer.c), attempts (attempt.c), when to retry (retry.c).
 * Owns the store and every consumer.
 */
#include "node/delivery/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/consumer.h"
#include "node/delivery/durability.h"
#include "node/delivery/offload.h"
#include "node/delivery/overload.h"
#include "node/delivery/stop.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"

static void look_at_more(struct delivery *delivery);
static void appended(void *context, const struct store_answer *answer);

mf_err delivery_open(struct delivery *delivery, struct node *node, struct mf_why *why)
{
    char directory[PATH_MAX + 8], name[MF_NAME_BYTES_MAX + 1];
    const char *url = node->options->store_url;
    *delivery = (struct delivery){.node = node,
                                  .clock_ms = (mf_realtime_ns() - mf_monotonic_ns()) / MF_NS_PER_MS,
                                  .shared = strncmp(url, "redis", 5) == 0};
    link_init(&delivery->consumers);
    link_init(&delivery->ready);
    link_init(&delivery->over);
    link_init(&delivery->roomless);
    link_init(&delivery->takers);
    link_init(&delivery->offloads);
    (void)snprintf(directory, sizeof directory, "%s/store", node->api.state.path);
    (void)snprintf(name, sizeof name, "%.*s", MF_NAME_BYTES_MAX, node->options->node_name);
    const struct store_options options = {.url = url[0] ? url : NULL,
                                          .directory = directory,
                                          .node = name[0] ? name : NULL};
    mf_err err = state_subdir(&node->api.state, "store", why);
    if (!err)
        err = store_open(&node->loop.uv, &options, &delivery->store, why);
    if (!err)
        err = space_get(delivery->store, DELIVERY_TENANT, &(struct space_settings){0}, &delivery->own);
    if (err && why && !why->text[0])
        (void)mf_why(why, err, "the store cannot be opened: %s", mf_err_words(err));
    return err;
}

uint64_t delivery_now_ms(const struct delivery *delivery)
{
    return delivery->clock_ms + mf_monotonic_ns() / MF_NS_PER_MS;
}

/* ---- when the node starts ---- */

void delivery_begin(struct delivery *delivery)
{
    delivery->begun = true;
    stop_restore(delivery);
}

void delivery_sweep(struct delivery *delivery)
{
    delivery->sweeping = true;
    registry_cursor_open(&delivery->node->registry, &delivery->sweep);
    look_at_more(delivery);
}

static void looked(void *context, const struct store_answer *answer)
{
    struct consumer *consumer = context;
    struct delivery *delivery = consumer->delivery;
    bool empty = !answer->err && !answer->stat.count && !answer->stat.dead_count;
    consumer->operations--;
    delivery->looks--;
    consumer->stat = answer->stat;
    if (empty && !consumer->more && !consumer->in_hand && !consumer->operations &&
        !delivery->shared) {
        consumer_detach(consumer); /* ten thousand functions that never get one cost nothing */
    } else {
        consumer->more |= answer->err || answer->stat.count > 0;
        consumer_take(consumer);
    }
    consumer_let_go(consumer);
    look_at_more(delivery);
}

static void look(struct function *function)
{
    struct delivery *delivery = function->node->delivery.store ? &function->node->delivery : NULL;
    struct consumer *consumer;
    if (!delivery || delivery->quiet || consumer_of(function, &consumer) != MF_OK)
        return;
    const struct store_ask ask = {delivery_now_ms(delivery), looked, consumer};
    consumer->operations++;
    delivery->looks++;
    if (queue_stat(consumer->queue, &ask) == MF_OK)
        return;
    consumer->operations--;
    delivery->looks--;
    consumer->more = true; /* not known: a take will tell */
    consumer_take(consumer);
}

static void look_at_more(struct delivery *delivery)
{
    while (delivery->sweeping && delivery->looks < MF_DELIVERY_LOOKS_MAX) {
        struct function *function = delivery->quiet ? NULL : registry_next(&delivery->sweep);
        if (function) {
            look(function);
            continue;
        }
        registry_cursor_close(&delivery->sweep);
        delivery->sweeping = false;
    }
}

void delivery_deployed(struct function *function)
{
    struct consumer *consumer = function->consumer;
    if (!function->node->delivery.begun)
        return; /* the sweep comes by */
    stop_lift(function);
    durability_look(function);
    if (!consumer) {
        look(function);
        return;
    }
    durability_learn(consumer);
    consumer->more = true;
    durability_settle(consumer);
    consumer_take(consumer);
}

void delivery_removed(struct function *function)
{
    struct consumer *consumer = function->consumer;
    stop_forget(function);
    if (!consumer)
        return;
    consumer_detach(consumer);
    consumer_let_go(consumer);
}

/* ---- turns, and the end ---- */

bool delivery_due(const struct delivery *delivery)
{
    return delivery->store && !(list_empty(&delivery->ready) && list_empty(&delivery->over));
}

/* What is said of an attempt is in a file before its event leaves the queue. One take asks for all the
 * places of a function that become free, instead of one for the first of them and one for the rest. */
static void settle_all(struct delivery *delivery)
{
    list_each(each, &delivery->over) {
        const struct attempt *attempt = list_of(each, struct attempt, ready);
        if (attempt->consumer->function)
            function_log_flush(attempt->consumer->function->log);
    }
    delivery->settling = true;
    while (!list_empty(&delivery->over)) {
        struct attempt *attempt = list_of(delivery->over.next, struct attempt, ready);
        list_remove(&attempt->ready);
        attempt_settle(attempt);
    }
    delivery->settling = false;
    while (!list_empty(&delivery->takers)) {
        struct consumer *consumer = list_of(delivery->takers.next, struct consumer, taker);
        list_remove(&consumer->taker);
        consumer_take(consumer);
    }
}

bool delivery_turn(struct delivery *delivery)
{
    if (!delivery_due(delivery))
        return false;
    settle_all(delivery);
    struct link now; /* those that are ready by now: a begun one may be back at once */
    link_init(&now);
    while (!list_empty(&delivery->ready))
        list_append(&now, delivery->ready.next);
    while (!list_empty(&now)) {
        struct attempt *attempt = list_of(now.next, struct attempt, ready);
        list_remove(&attempt->ready);
        attempt_begin(attempt);
    }
    return true;
}

void delivery_quiet(struct delivery *delivery)
{
    if (delivery->quiet || !delivery->store)
        return;
    delivery->quiet = true;
    list_each_safe(at, &delivery->consumers) {
        struct consumer *consumer = list_of(at, struct consumer, link);
        timer_stop(&delivery->node->loop.timers, &consumer->timer);
        list_each_safe(each, &consumer->attempts)
            attempt_return(list_of(each, struct attempt, link));
    }
}

bool delivery_rests(const struct delivery *delivery)
{
    if (!delivery->store)
        return true;
    if (store_busy(delivery->store) || delivery->offload_count)
        return false;
    list_each(at, &delivery->consumers)
        if (list_of(at, struct consumer, link)->running > 0)
            return false;
    return true;
}

void delivery_close(struct delivery *delivery)
{
    if (!delivery->store)
        return;
    delivery->quiet = delivery->closing = true;
    offload_close(delivery);
    if (delivery->sweeping)
        registry_cursor_close(&delivery->sweep);
    delivery->sweeping = false;
    list_each_safe(at, &delivery->consumers) {
        struct consumer *consumer = list_of(at, struct consumer, link);
        consumer->operations++; /* stays until we are done with it */
        list_each_safe(each, &consumer->attempts)
            attempt_drop(list_of(each, struct attempt, link));
        consumer_detach(consumer);
        consumer->operations--;
        consumer_let_go(consumer);
    }
    if (delivery->own)
        space_put(delivery->own);
    delivery->own = NULL;
    store_close(delivery->store);
    delivery->store = NULL;
    mf_assert(list_empty(&delivery->consumers));
    calls_close(&delivery->calls);
}

/* ---- events come in ---- */

static void finish(struct submission *submission, enum situation situation, const char *message)
{
    struct consumer *consumer = submission->consumer;
    free(submission->kept);
    submission->kept = NULL;
    if (!consumer) {
        submission->done(submission, situation, message);
        return;
    }
    consumer->operations++; /* whatever done() lets go of */
    submission->done(submission, situation, message);
    consumer->operations--;
    consumer_let_go(consumer);
}

static enum situation situation_of(mf_err err)
{
    return err == MF_EFULL ? SITUATION_DISK_FULL : SITUATION_STORE_AWAY;
}

/* The store has one error for two things: a queue at its bound, and a disk without room. */
static void sized(void *context, const struct store_answer *answer)
{
    struct submission *submission = context;
    struct consumer *consumer = submission->consumer;
    const struct settings *settings =
        consumer->function && consumer->function->version ? &consumer->function->version->settings
                                                          : NULL;
    consumer->operations--;
    bool bound = !answer->err && settings &&
                 (answer->stat.count + submission->count > settings->queue_max ||
                  answer->stat.bytes + submission->bytes > MF_QUEUE_BYTES_DEFAULT);
    if (bound)
        overload_refused(submission);
    else
        finish(submission, SITUATION_DISK_FULL, NULL);
}

void delivery_finish(struct submission *submission, enum situation situation, const char *message)
{
    finish(submission, situation, message);
}

static void appended(void *context, const struct store_answer *answer)
{
    struct submission *submission = context;
    struct consumer *consumer = submission->consumer;
    struct delivery *delivery = consumer->delivery;
    consumer->operations--;
    if (!answer->err) {
        overload_appended(submission, (uint32_t)answer->number);
        finish(submission, SITUATION_REPLIED, NULL); /* the store tells the consumer (hint) */
        return;
    }
    const struct store_ask ask = {delivery_now_ms(delivery), sized, submission};
    if (answer->err == MF_EFULL && queue_stat(consumer->queue, &ask) == MF_OK) {
        consumer->operations++;
        return;
    }
    if (answer->err != MF_EFULL)
        mf_log(MF_LOG_ERROR, "delivery.refused", "fn=%s why=\"%s\"", consumer->name,
               mf_err_words(answer->err));
    finish(submission, situation_of(answer->err), NULL);
}

void delivery_submit(struct function *function, const struct envelope *envelope,
                     struct submission *submission)
{
    delivery_submit_all(function, envelope, 1, submission);
}

static mf_err append_all(struct function *function, const struct envelope *envelopes,
                         struct submission *submission)
{
    const struct store_ask ask = {delivery_now_ms(&function->node->delivery), appended, submission};
    const size_t list_bytes = submission->count * sizeof(struct store_bytes);
    struct store_bytes *events = malloc(list_bytes + submission->bytes);
    if (!events)
        return MF_ENOMEM;
    uint8_t *at = (uint8_t *)events + list_bytes;
    for (size_t i = 0; i < submission->count; i++) {
        events[i] = (struct store_bytes){at, envelope_bytes(&envelopes[i])};
        envelope_write(&envelopes[i], at);
        at += events[i].bytes;
    }
    mf_err err = queue_append(submission->consumer->queue, overload_priority(function, &envelopes[0]),
                              events, submission->count, &ask);
    free(events);
    return err;
}

void delivery_submit_all(struct function *function, const struct envelope *envelopes, size_t count,
                         struct submission *submission)
{
    struct delivery *delivery = &function->node->delivery;
    submission->consumer = NULL;
    submission->kept = NULL;
    submission->count = count;
    submission->bytes = 0;
    for (size_t i = 0; i < count; i++)
        submission->bytes += envelope_bytes(&envelopes[i]);
    bool stopped = function->stopped && !submission->anyhow;
    if (delivery->quiet || !delivery->store || stopped) {
        finish(submission, stopped ? SITUATION_STOPPED : SITUATION_STOPPING, stopped ? function->stopped : NULL);
        return;
    }
    if (consumer_of(function, &submission->consumer) != MF_OK) {
        submission->consumer = NULL;
        finish(submission, SITUATION_NODE_FULL, NULL);
        return;
    }
    mf_err err = append_all(function, envelopes, submission);
    submission->call_id[0] = 0;
    if (count == 1 && function->version && function->version->settings.overload == OVERLOAD_DEAD_LETTER)
        (void)snprintf(submission->call_id, sizeof submission->call_id, "%.*s",
                       (int)envelopes->call_id_bytes, envelopes->call_id);
    if (!err && count == 1 && function->version && overload_keeps(&function->version->settings, envelopes))
        submission->kept = malloc(submission->bytes); /* without memory it is refused, or nobody is told */
    if (submission->kept)
        envelope_write(envelopes, submission->kept);
    if (!err) {
        submission->consumer->operations++;
        return;
    }
    enum situation situation = err == MF_ETOOBIG                       ? SITUATION_BODY_TOO_BIG
                               : err == MF_EAGAIN || err == MF_ENOMEM ? SITUATION_NODE_FULL
                                                                      : situation_of(err);
    finish(submission, situation,
           err == MF_EAGAIN ? "the store has more to do than it may hold" : NULL);
}

mf_err delivery_target(struct function *function, const struct envelope *envelope,
                       struct queue **queue, enum queue_priority *priority)
{
    static const struct envelope silent;
    struct delivery *delivery = &function->node->delivery;
    struct consumer *consumer; /* takes what is appended */
    if (delivery->quiet || !delivery->store)
        return MF_EDEAD;
    mf_err err = consumer_of(function, &consumer);
    if (err)
        return err;
    consumer->more = true; /* so a look that found nothing before that does not end it (looked()) */
    *priority = overload_priority(function, envelope ? envelope : &silent);
    return delivery_queue(delivery, function->name, queue);
}

void delivery_appended(struct function *function, size_t bytes)
{
    if (!function->consumer)
        return;
    function->consumer->stat.count++;
    function->consumer->stat.bytes += bytes;
}

/* ---- for the management API ---- */

/* Of one that was removed: what is in hand yet comes to its end where it was taken. */
static enum store_durability durability_left(const struct delivery *delivery, const char *name)
{
    list_each(at, &delivery->consumers) {
        const struct consumer *consumer = list_of(at, struct consumer, link);
        if (!consumer->function && strcmp(consumer->name, name) == 0)
            return consumer->durability;
    }
    return durability_of(NULL);
}

mf_err delivery_queue(struct delivery *delivery, const char *name, struct queue **queue)
{
    const struct function *function = registry_find(&delivery->node->registry, name);
    struct queue_settings settings = {.durability = durability_of(NULL), .note_of = call_note_of};
    if (delivery->quiet)
        return MF_EDEAD;
    if (function && function->version) {
        settings.durability = function->consumer ? function->consumer->durability
                                                 : durability_of(&function->version->settings);
        settings.count_max = function->version->settings.queue_max;
        settings.age_ms_max = function->version->settings.max_age_s * 1000ull;
        settings.overflow = overload_overflow(&function->version->settings);
    } else {
        settings.durability = durability_left(delivery, name);
    }
    return queue_get(delivery->store, DELIVERY_TENANT, name, &settings, queue);
}

void delivery_recount(struct delivery *delivery, const char *name)
{
    struct function *function = registry_find(&delivery->node->registry, name);
    if (function && function->consumer)
        consumer_ask_size(function->consumer);
    else if (function)
        look(function);
}
