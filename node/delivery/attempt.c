/*
 * attempt.c: one event in hand: its call, the line that says how it ended, and which end it gets
 * (attempt_lease.c writes it).
 * Guarantees: an event leaves the queue only when the function took it, or as a dead letter
 * with its reason; an event that fails, or kills the node, is begun a bounded number of times.
 * Leaves to others: which instance (pool/choice.c), back-off (retry.c).
 *
 * Attempts are counted by the store when an entry is taken, so that one that kills the node
 * counts. Hence an event for which there is no instance is not given back, which would count
 * its next take: it stays in hand, its lease extended, and is tried again after a pause. While
 * it does, it takes one of the function's places, so that the queue is not drained into hands.
 * What an end of the node cut short counts, too, but nobody knows what was to blame: such takes
 * alone bury an event after attempts_max and MF_UNSEEN_ATTEMPTS_MAX more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/line.h"
#include "base/log.h"
#include "node/delivery/callback.h"
#include "node/delivery/circle.h"
#include "node/delivery/consumer.h"
#include "node/delivery/outputs.h"
#include "node/delivery/reason.h"
#include "node/delivery/retry.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/metrics/counters.h"
#include "node/pool/dispatch.h"
#include "node/node.h"

#define NS_PER_HUNDREDTH 10000u /* of a millisecond */
#define MESSAGE_BYTES_MAX 200 /* of a function's words, in a line and in a dead letter's reason */

static void done(struct call *call, const struct outcome *outcome);
static void release(struct call *call);
static void bury(struct attempt *attempt, const char *reason, size_t bytes);
static void overloaded(struct attempt *attempt, const char *what);

void attempt_create(struct consumer *consumer, const struct queue_entry *entry, size_t charged)
{
    struct delivery *delivery = consumer->delivery;
    struct mf_why why = {{0}};
    struct attempt *attempt = calloc(1, sizeof *attempt + entry->event.bytes);
    if (!attempt) {
        budget_give(&delivery->node->budget, charged);
        delivery->held_bytes -= charged;
        return;
    }
    attempt->consumer = consumer;
    attempt->timer.fire = attempt_fire;
    attempt->again_ns = TIMER_NEVER;
    attempt->extend_ns = mf_monotonic_ns() + MF_DELIVERY_EXTEND_MS * MF_NS_PER_MS;
    attempt->id = entry->id;
    attempt->number = entry->attempts;
    attempt->enqueued_ms = entry->enqueued_ms;
    attempt->priority = entry->priority;
    attempt->charged = charged;
    attempt->event_bytes = entry->event.bytes;
    if (entry->event.bytes)
        memcpy(attempt->event, entry->event.data, entry->event.bytes);
    link_init(&attempt->link);
    link_init(&attempt->ready);
    link_init(&attempt->call.link);
    list_append(&consumer->attempts, &attempt->link);
    consumer->in_hand++;
    attempt_place(attempt, true);
    attempt_set_timer(attempt);
    struct envelope *envelope = &attempt->envelope;
    if (envelope_read(attempt->event, attempt->event_bytes, envelope, &why)) {
        *envelope = (struct envelope){0};
        (void)snprintf(attempt->call_id, sizeof attempt->call_id, "unknown");
        bury(attempt, why.text, strlen(why.text));
        return;
    }
    memcpy(attempt->call_id, envelope->call_id, envelope->call_id_bytes);
    list_append(&delivery->ready, &attempt->ready);
}

void attempt_drop(struct attempt *attempt)
{
    struct consumer *consumer = attempt->consumer;
    struct delivery *delivery = consumer->delivery;
    attempt_place(attempt, false);
    attempt->state = ATTEMPT_ENDING;
    attempt->over = true;
    timer_stop(&delivery->node->loop.timers, &attempt->timer);
    list_remove(&attempt->ready);
    if (attempt->operations)
        return; /* their answers free it */
    list_remove(&attempt->link);
    consumer->in_hand--;
    budget_give(&delivery->node->budget, attempt->charged);
    delivery->held_bytes -= attempt->charged;
    mf_buf_close(&attempt->reason);
    callback_destroy(attempt->callback, delivery);
    outputs_destroy(attempt->outputs, delivery);
    free((void *)(uintptr_t)attempt->call.fields);
    free(attempt);
    consumers_room(delivery);
}

/* ---- a call ---- */

static void log_end(struct attempt *attempt, enum mf_log_level level, uint64_t instance,
                    const char *what)
{
    const struct function *function = attempt->consumer->function;
    struct line line = {0};
    if (!function)
        return;
    line_text(&line, "attempt ");
    line_number(&line, attempt->number, 1);
    line_text(&line, " of ");
    line_number(&line, function->version ? function->version->settings.attempts_max : 0, 1);
    line_text(&line, ": ");
    line_text(&line, what);
    function_log_write(function->log, level, instance, attempt->call_id, line.text, line.bytes, NULL);
}

/* The call's fields, as they are for this attempt. */
static mf_err make_fields(struct attempt *attempt)
{
    struct delivery *delivery = attempt->consumer->delivery;
    uint8_t *room = delivery->node->scratch;
    uint32_t bytes;
    _Static_assert(sizeof delivery->node->scratch >= MF_HEAD_BYTES_MAX, "fields fit");
    mf_err err = envelope_fields(&attempt->envelope, attempt->number, room, &bytes);
    if (err)
        return err;
    free((void *)(uintptr_t)attempt->call.fields);
    uint8_t *fields = malloc(bytes);
    attempt->call.fields = fields;
    attempt->call.field_bytes = bytes;
    if (!fields)
        return MF_ENOMEM;
    memcpy(fields, room, bytes);
    return MF_OK;
}

/* Memory may be had later: the event is not to blame. */
static void hold(struct attempt *attempt)
{
    (void)snprintf(attempt->words, sizeof attempt->words, "%s", mf_err_words(MF_ENOMEM));
    overloaded(attempt, "not begun");
    if (attempt->state == ATTEMPT_HELD)
        attempt_set_timer(attempt);
    else
        attempt_settle(attempt); /* it is too old */
}

void attempt_begin(struct attempt *attempt)
{
    struct consumer *consumer = attempt->consumer;
    struct function *function = consumer->function;
    if (!function || !function->version || function->stopped || consumer->delivery->quiet) {
        attempt_return(attempt);
        return;
    }
    uint32_t most = function->version->settings.attempts_max;
    if (attempt->number > most + MF_UNSEEN_ATTEMPTS_MAX) {
        static const char reason[] = "its attempts ended with the node, each of them";
        bury(attempt, reason, sizeof reason - 1);
        return;
    }
    struct call *call = &attempt->call;
    const uint8_t *fields = call->fields;
    *call = (struct call){.fields = fields};
    link_init(&call->link);
    mf_err err = make_fields(attempt);
    if (err == MF_ENOMEM) {
        hold(attempt);
        return;
    }
    if (err) {
        bury(attempt, mf_err_words(err), strlen(mf_err_words(err)));
        return;
    }
    call->body = attempt->envelope.body;
    call->body_bytes = attempt->envelope.body_bytes;
    call->name = attempt->call_id;
    call->bulk = attempt->priority == QUEUE_BULK;
    call->reply_unwanted = !callback_wanted(attempt);
    call->done = done;
    call->release = release;
    attempt->state = ATTEMPT_RUNNING;
    attempt->begun_ns = mf_monotonic_ns();
    dispatch_submit(function, call);
}

/* "status 503", "instance-fault (page-fault): words". */
static void put_words(struct attempt *attempt, const struct outcome *outcome)
{
    if (outcome->situation == SITUATION_REPLIED) {
        struct line line = {0};
        line_text(&line, "status ");
        line_number(&line, outcome->status, 1);
        memcpy(attempt->words, line.text, line.bytes + 1);
    } else {
        (void)snprintf(attempt->words, sizeof attempt->words, "%s%s%s%s",
                       situation_code(outcome->situation), outcome->cause ? " (" : "",
                       outcome->cause ? outcome->cause : "", outcome->cause ? ")" : "");
    }
}

static void failed(struct attempt *attempt, const struct outcome *outcome, uint64_t took_ns,
                   bool hopeless)
{
    const struct function *function = attempt->call.function;
    char text[CALL_WORDS_BYTES + MESSAGE_BYTES_MAX + 112];
    size_t said = outcome->message_bytes < MESSAGE_BYTES_MAX ? outcome->message_bytes
                                                             : MESSAGE_BYTES_MAX;
    int bytes = snprintf(text, sizeof text, "%s%s%.*s", attempt->words, said ? ": " : "", (int)said,
                         outcome->message ? outcome->message : "");
    size_t reason_bytes = (size_t)bytes;
    if (attempt->call.ran_ns || outcome->instance_id)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, "; it took %.2f ms",
                          (double)attempt->call.ran_ns / 1e6);
    if (!hopeless &&
        (!function->version || attempt->number < function->version->settings.attempts_max)) {
        attempt->end = END_NACK;
        attempt->delay_ms = retry_delay_ms(attempt->number, randombytes_random());
        (void)snprintf(text + bytes, sizeof text - (size_t)bytes, "; again in %.1f s",
                       (double)attempt->delay_ms / 1000);
        log_end(attempt, MF_LOG_WARN, outcome->instance_id, text);
        return;
    }
    attempt->end = END_BURY;
    mf_err err = reason_write(&attempt->reason, text, reason_bytes, outcome);
    if (err) /* then the code alone */
        mf_buf_close(&attempt->reason);
    struct mf_why why = {{0}};
    err = callback_make(attempt, outcome, took_ns, &why);
    if (err)
        log_end(attempt, MF_LOG_WARN, 0, mf_why_text(&why, err));
    (void)snprintf(text + bytes, sizeof text - (size_t)bytes, "; it is a dead letter now");
    log_end(attempt, MF_LOG_ERROR, outcome->instance_id, text);
}

static bool is_too_old(const struct attempt *attempt)
{
    const struct version *version = attempt->consumer->function
                                        ? attempt->consumer->function->version : NULL;
    uint64_t age_ms_max = version ? version->settings.max_age_s * 1000ull : 0;
    uint64_t now_ms = delivery_now_ms(attempt->consumer->delivery);
    return age_ms_max && now_ms > attempt->enqueued_ms &&
           now_ms - attempt->enqueued_ms > age_ms_max;
}

/* Decided here, done in release(), when the dispatcher has let go of the event. */
static void overloaded(struct attempt *attempt, const char *what)
{
    char text[CALL_WORDS_BYTES + 64];
    if (is_too_old(attempt)) {
        attempt->end = END_BURY;
        if (mf_buf_printf(&attempt->reason, QUEUE_TOO_OLD ": %s", attempt->words))
            mf_buf_close(&attempt->reason);
        callback_make_words(attempt, QUEUE_TOO_OLD, sizeof QUEUE_TOO_OLD - 1);
        return;
    }
    if (attempt->overloads++ == 0) {
        (void)snprintf(text, sizeof text, "%s: %s; it is kept until it can be", what,
                       attempt->words);
        log_end(attempt, MF_LOG_WARN, 0, text);
    }
    attempt->state = ATTEMPT_HELD;
    attempt->again_ns = mf_monotonic_ns() +
                        retry_overload_ms(attempt->overloads, randombytes_random()) * MF_NS_PER_MS;
}

/* It ran, and the node has no memory for what is to be passed on: like overload, it is made again
 * when there may be some, the function's run with it; but not for ever, for it may be too large. */
static bool is_kept_for_room(struct attempt *attempt, mf_err err)
{
    if ((err != MF_EFULL && err != MF_ENOMEM) || attempt->roomless++ >= MF_ROOM_TRIES_MAX)
        return false;
    outputs_destroy(attempt->outputs, attempt->consumer->delivery);
    attempt->outputs = NULL;
    overloaded(attempt, "no memory for its reply");
    return true;
}

/* A reply that cannot be passed on is a failed attempt; one that never can be, the last. */
static void deliver(struct attempt *attempt, const struct outcome *outcome, uint64_t took_ns)
{
    struct line line = {0};
    struct mf_why why = {{0}};
    mf_err err = outputs_make(attempt, outcome, &why);
    if (!err)
        err = callback_make(attempt, outcome, took_ns, &why);
    if (err && is_kept_for_room(attempt, err))
        return;
    if (err) {
        const struct outcome not_passed = {.situation = outcome->situation,
                                           .status = outcome->status,
                                           .message = why.text,
                                           .message_bytes = strlen(why.text),
                                           .instance_id = outcome->instance_id};
        failed(attempt, &not_passed, took_ns, err == MF_ETOOBIG);
        return;
    }
    uint32_t count = outputs_count(attempt->outputs);
    attempt->end = END_ACK;
    const uint64_t ran = (attempt->call.ran_ns + NS_PER_HUNDREDTH / 2) / NS_PER_HUNDREDTH; /* of a ms */
    line_text(&line, attempt->words);
    line_text(&line, " in ");
    line_number(&line, ran / 100, 1);
    line_text(&line, ".");
    line_number(&line, ran % 100, 2);
    line_text(&line, " ms; delivered");
    if (count) {
        line_text(&line, ", passed on to ");
        line_number(&line, count, 1);
        line_text(&line, count > 1 ? " functions" : " function");
    }
    log_end(attempt, MF_LOG_INFO, outcome->instance_id, line.text);
}

static void done(struct call *call, const struct outcome *outcome)
{
    struct attempt *attempt = list_of(call, struct attempt, call);
    uint64_t took_ns = mf_monotonic_ns() - attempt->begun_ns;
    enum verdict verdict = retry_verdict(outcome->situation, outcome->status);
    put_words(attempt, outcome);
    if (outcome->situation == SITUATION_NODE_FULL && outcome->instance_id) {
        if (is_kept_for_room(attempt, MF_EFULL))
            return;
        verdict = VERDICT_FAILED;
    }
    if (verdict == VERDICT_OVERLOAD) {
        overloaded(attempt, "not begun");
        return;
    }
    if (verdict == VERDICT_RETURN) {
        attempt->end = END_NACK;
        attempt->delay_ms = 0;
        attempt->returned = true;
        return;
    }
    uint32_t status = outcome->situation == SITUATION_REPLIED ? outcome->status
                                                              : situation_status(outcome->situation);
    count_answer(&call->function->counters, status, took_ns);
    if (verdict == VERDICT_FAILED)
        failed(attempt, outcome, took_ns, false);
    else
        deliver(attempt, outcome, took_ns);
}

static void release(struct call *call)
{
    struct attempt *attempt = list_of(call, struct attempt, call);
    if (attempt->state == ATTEMPT_RUNNING)
        list_append(&attempt->consumer->delivery->over, &attempt->ready);
    else if (attempt->consumer->delivery->quiet || !attempt->consumer->function)
        attempt_return(attempt);
    else
        attempt_set_timer(attempt);
}

void attempt_settle(struct attempt *attempt)
{
    struct consumer *consumer = attempt->consumer;
    if (!attempt->callback && (attempt->end != END_ACK || !attempt->outputs)) {
        attempt_end_with(attempt, attempt->end);
        return;
    }
    attempt->state = ATTEMPT_PASSING;
    attempt_place(attempt, false); /* the next one runs while this one is written */
    if (attempt->callback)
        callback_send(attempt); /* and comes back here */
    else
        outputs_send(attempt);
    consumer_take(consumer);
}

void attempt_passed(struct attempt *attempt)
{
    if (attempt->over)
        attempt_let_go(attempt);
    else
        attempt_end_with(attempt, END_ACK);
}

/* Each of a circle may wait for the others' queues, and nobody comes to an end: who waits so for long
 * makes room in his own, if that is full, too; else whoever comes next has room there, and nothing is
 * locked. Nothing is lost: a dead letter can be put back, and its outputs have the same ids then. */
static bool is_locked(const struct attempt *attempt, enum situation why, const char *target)
{
    const struct consumer *consumer = attempt->consumer;
    const struct version *version = consumer->function->version;
    return why == SITUATION_QUEUE_FULL && attempt->full >= MF_STUCK_TRIES_MAX && version &&
           circle_full(&consumer->stat, version->settings.queue_max) &&
           circle_leads(&consumer->delivery->node->registry, target, consumer->name);
}

static void unlock(struct attempt *attempt, const char *target)
{
    (void)snprintf(attempt->words, sizeof attempt->words,
                   "the queue of %s is full, and leads back here", target);
    log_end(attempt, MF_LOG_ERROR, 0, attempt->words);
    outputs_destroy(attempt->outputs, attempt->consumer->delivery);
    attempt->outputs = NULL;
    attempt_end_with(attempt, END_BURY);
}

/* As with an event that finds no instance: it stays in hand, and is no attempt. Its function
 * does not run again for it, unless the node ends. */
void attempt_stuck(struct attempt *attempt, enum situation why, const char *target)
{
    struct consumer *consumer = attempt->consumer;
    char text[CALL_WORDS_BYTES + MF_NAME_BYTES_MAX + 64];
    attempt_place(attempt, true); /* a queue is not to be drained into hands */
    if (attempt->over) {
        attempt_let_go(attempt);
        return;
    }
    if (consumer->delivery->quiet || !consumer->function) {
        attempt_return(attempt);
        return;
    }
    if (is_locked(attempt, why, target)) {
        unlock(attempt, target);
        return;
    }
    if (attempt->stuck++ == 0) {
        (void)snprintf(text, sizeof text, "not passed on to %s: %s; it is kept until it can be", target,
                       situation_code(why));
        log_end(attempt, MF_LOG_WARN, 0, text);
    }
    attempt->again_ns = mf_monotonic_ns() +
                        retry_overload_ms(attempt->stuck, randombytes_random()) * MF_NS_PER_MS;
    attempt_set_timer(attempt);
    attempt->full = why == SITUATION_QUEUE_FULL ? attempt->full + 1 : 0;
    if (attempt->full >= MF_STUCK_TRIES_MAX)
        consumer_ask_size(consumer); /* for the next time: other nodes append, too */
}

void attempt_return(struct attempt *attempt)
{
    if (attempt->state == ATTEMPT_RUNNING || attempt->state == ATTEMPT_ENDING ||
        callback_under_way(attempt->callback) || outputs_under_way(attempt->outputs))
        return; /* what follows may become durable yet */
    list_remove(&attempt->ready);
    attempt->delay_ms = 0;
    attempt->returned = true;
    attempt_end_with(attempt, END_NACK);
}

static void bury(struct attempt *attempt, const char *reason, size_t bytes)
{
    (void)snprintf(attempt->words, sizeof attempt->words, "%.*s", (int)bytes, reason);
    if (mf_buf_add(&attempt->reason, reason, bytes))
        mf_buf_close(&attempt->reason);
    log_end(attempt, MF_LOG_ERROR, 0, attempt->words);
    callback_make_words(attempt, reason, bytes);
    attempt->end = END_BURY;
    attempt_settle(attempt);
}
