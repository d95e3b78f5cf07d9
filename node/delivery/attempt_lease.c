/*
 * attempt_lease.c: what becomes of an entry in hand: its lease is extended while it is, then its end is
 * written, until it is written.
 * Guarantees: an attempt whose end the store could not take is not forgotten; one whose lease
 * passed is told of, and not counted twice.
 * Leaves to others: which end (attempt.c). Loop thread only.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/consumer.h"
#include "node/delivery/retry.h"
#include "node/node.h"

static void settle(struct attempt *attempt);

void attempt_place(struct attempt *attempt, bool placed)
{
    if (placed != attempt->placed)
        attempt->consumer->running += placed ? 1u : (uint32_t)-1;
    attempt->placed = placed;
}

void attempt_end_with(struct attempt *attempt, enum attempt_end end)
{
    struct consumer *consumer = attempt->consumer;
    attempt->state = ATTEMPT_ENDING;
    attempt->end = end;
    attempt_place(attempt, false);
    settle(attempt);
    consumer_take(consumer); /* a place is free */
}

/* Something that was in hand is not any more. With the last one of them a take tells when the
 * next is due, without leases of ours. */
void attempt_let_go(struct attempt *attempt)
{
    struct consumer *consumer = attempt->consumer;
    attempt_drop(attempt);
    consumer->more |= consumer->in_hand == 0;
    consumer_take(consumer);
    consumer_let_go(consumer);
}

/* The tally, what is remembered, and the memory. */
static void ended(struct attempt *attempt, bool ours)
{
    struct consumer *consumer = attempt->consumer;
    struct delivery *delivery = consumer->delivery;
    struct queue_stat *stat = &consumer->stat;
    bool leaves = attempt->end != END_NACK;
    if (ours && leaves && stat->count > 0) {
        stat->count--;
        stat->bytes -= stat->bytes < attempt->event_bytes ? stat->bytes : attempt->event_bytes;
    }
    if (ours && attempt->end == END_BURY) {
        stat->dead_count++;
        stat->dead_bytes += attempt->event_bytes;
    }
    if (leaves)
        calls_ended(&delivery->calls, attempt->call_key, consumer->name,
                    attempt->end == END_BURY ? CALL_DEAD : CALL_DELIVERED, attempt->number, attempt->words, delivery_now_ms(delivery));
    if (!attempt->returned)
        consumer->outcomes[attempt->end == END_ACK    ? OUTCOME_DELIVERED
                           : attempt->end == END_BURY ? OUTCOME_DEAD
                                                      : OUTCOME_RETRIED]++;
    if (!ours)
        mf_log(MF_LOG_WARN, "delivery.late", "fn=%s call=%s attempt=%u", consumer->name,
               attempt->call_id, attempt->number);
    attempt_let_go(attempt);
}

static void settle_later(struct attempt *attempt, mf_err err)
{
    if (attempt->trouble == 0)
        mf_log(MF_LOG_WARN, "delivery.unsettled", "fn=%s call=%s why=\"%s\"",
               attempt->consumer->name, attempt->call_id, mf_err_words(err));
    attempt->again_ns = mf_monotonic_ns() + retry_trouble_ms(++attempt->trouble) * MF_NS_PER_MS;
    attempt_set_timer(attempt);
}

static void settled(void *context, const struct store_answer *answer)
{
    struct attempt *attempt = context;
    struct consumer *consumer = attempt->consumer;
    attempt->operations--;
    if (attempt->over) {
        attempt_let_go(attempt);
        return;
    }
    attempt->asked = false;
    if (!answer->err || answer->err == MF_ENOENT) {
        ended(attempt, !answer->err);
        return;
    }
    if (answer->err == MF_EFULL && attempt->end == END_BURY) {
        /* No room for another dead letter: better late than lost. */
        mf_log(MF_LOG_ERROR, "delivery.no-burial", "fn=%s call=%s", consumer->name,
               attempt->call_id);
        attempt->end = END_NACK;
        attempt->delay_ms = MF_RETRY_MS_MAX;
        settle(attempt);
        return;
    }
    settle_later(attempt, answer->err);
}

static mf_err ask_end(struct attempt *attempt, const struct store_ask *ask)
{
    struct queue *queue = attempt->consumer->queue;
    const char *words = attempt->words;
    struct store_bytes reason = {attempt->reason.data, attempt->reason.bytes};
    struct store_own_note note;
    if (attempt->end != END_NACK) {
        call_note_make(attempt->call_id, attempt->consumer->name,
                       attempt->end == END_BURY ? CALL_DEAD : CALL_DELIVERED, attempt->number,
                       words, ask->now_ms, &note);
        memcpy(attempt->call_key, note.note.key, sizeof attempt->call_key);
    }
    switch (attempt->end) {
    case END_ACK:
        return queue_ack_noted(queue, attempt->id, attempt->number, &note.note, ask);
    case END_NACK:
        return queue_nack(queue, attempt->id, attempt->number, attempt->delay_ms, ask);
    default:
        if (!reason.bytes)
            reason = (struct store_bytes){words, strlen(words)};
        return queue_bury_noted(queue, attempt->id, attempt->number, reason, &note.note, ask);
    }
}

static void settle(struct attempt *attempt)
{
    const struct store_ask ask = {delivery_now_ms(attempt->consumer->delivery), settled, attempt};
    attempt->again_ns = TIMER_NEVER;
    mf_err err = ask_end(attempt, &ask);
    if (err) {
        settle_later(attempt, err);
        return;
    }
    attempt->operations++;
    attempt->asked = true;
    attempt_set_timer(attempt);
}

/* ---- its timer ---- */

void attempt_set_timer(struct attempt *attempt)
{
    uint64_t at_ns = attempt->again_ns < attempt->extend_ns ? attempt->again_ns
                                                            : attempt->extend_ns;
    timer_set(&attempt->consumer->delivery->node->loop.timers, &attempt->timer, at_ns);
}

static void extended(void *context, const struct store_answer *answer)
{
    struct attempt *attempt = context;
    attempt->operations--;
    attempt->lost |= answer->err == MF_ENOENT;
    if (attempt->over)
        attempt_let_go(attempt);
}

static void extend(struct attempt *attempt)
{
    struct delivery *delivery = attempt->consumer->delivery;
    const struct store_ask ask = {delivery_now_ms(delivery), extended, attempt};
    attempt->extend_ns = attempt->lost ? TIMER_NEVER
                                       : mf_monotonic_ns() + MF_DELIVERY_EXTEND_MS * MF_NS_PER_MS;
    if (!attempt->lost && queue_extend(attempt->consumer->queue, attempt->id, attempt->number,
                                       MF_DELIVERY_LEASE_MS, &ask) == MF_OK)
        attempt->operations++;
}

void attempt_fire(struct timer *timer, uint64_t now_ns)
{
    struct attempt *attempt = list_of(timer, struct attempt, timer);
    if (now_ns >= attempt->extend_ns)
        extend(attempt);
    if (now_ns >= attempt->again_ns) {
        attempt->again_ns = TIMER_NEVER;
        if (attempt->state == ATTEMPT_HELD) {
            attempt->state = ATTEMPT_READY;
            list_append(&attempt->consumer->delivery->ready, &attempt->ready);
        } else if (attempt->state == ATTEMPT_PASSING) {
            attempt_settle(attempt);
        } else if (attempt->state == ATTEMPT_ENDING && !attempt->asked) {
            settle(attempt);
        }
    }
    attempt_set_timer(attempt);
}
