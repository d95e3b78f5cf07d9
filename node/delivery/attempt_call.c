/*
 * attempt_call.c: the call of an event in hand: how it is made, and what its answer means for the
 * event.
 * Leaves to others: which instance (pool/choice.c), what an answer means in general and back-off
 * (retry.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/line.h"
#include "node/delivery/callback.h"
#include "node/delivery/consumer.h"
#include "node/delivery/outputs.h"
#include "node/delivery/reason.h"
#include "node/delivery/retry.h"
#include "node/functions/function.h"
#include "node/metrics/counters.h"
#include "node/node.h"
#include "node/pool/dispatch.h"

#define NS_PER_HUNDREDTH 10000u /* of a millisecond */
#define MESSAGE_BYTES_MAX 200 /* of a function's words, in a line and in a dead letter's reason */

static void hold(struct attempt *attempt);
static mf_err make_fields(struct attempt *attempt);
static void done(struct call *call, const struct outcome *outcome);
static void release(struct call *call);
static void overloaded(struct attempt *attempt, const char *what);

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
        attempt_bury(attempt, reason, sizeof reason - 1);
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
        attempt_bury(attempt, mf_err_words(err), strlen(mf_err_words(err)));
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
        attempt_log(attempt, MF_LOG_WARN, outcome->instance_id, text);
        return;
    }
    attempt->end = END_BURY;
    mf_err err = reason_write(&attempt->reason, text, reason_bytes, outcome);
    if (err) /* then the code alone */
        mf_buf_close(&attempt->reason);
    struct mf_why why = {{0}};
    err = callback_make(attempt, outcome, took_ns, &why);
    if (err)
        attempt_log(attempt, MF_LOG_WARN, 0, mf_why_text(&why, err));
    (void)snprintf(text + bytes, sizeof text - (size_t)bytes, "; it is a dead letter now");
    attempt_log(attempt, MF_LOG_ERROR, outcome->instance_id, text);
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
        attempt_log(attempt, MF_LOG_WARN, 0, text);
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
    attempt_log(attempt, MF_LOG_INFO, outcome->instance_id, line.text);
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
