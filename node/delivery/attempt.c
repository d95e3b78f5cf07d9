/*
 * attempt.c: one event in hand, from its take to its end: as it is taken, the line that says how
 * it ended, what follows its call, and that it is let go.
 * Guarantees: an event leaves the queue only when the function took it, or as a dead letter
 * with its reason; an event that fails, or kills the node, is begun a bounded number of times.
 * Leaves to others: its call (attempt_call.c), outputs that find no room (attempt_stuck.c), which
 * end is written and when (attempt_lease.c).
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

#include "base/clock.h"
#include "base/line.h"
#include "node/delivery/callback.h"
#include "node/delivery/consumer.h"
#include "node/delivery/outputs.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"

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
        attempt_bury(attempt, why.text, strlen(why.text));
        return;
    }
    memcpy(attempt->call_id, envelope->call_id, envelope->call_id_bytes);
    list_append(&delivery->ready, &attempt->ready);
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

void attempt_log(struct attempt *attempt, enum mf_log_level level, uint64_t instance,
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

void attempt_bury(struct attempt *attempt, const char *reason, size_t bytes)
{
    (void)snprintf(attempt->words, sizeof attempt->words, "%.*s", (int)bytes, reason);
    if (mf_buf_add(&attempt->reason, reason, bytes))
        mf_buf_close(&attempt->reason);
    attempt_log(attempt, MF_LOG_ERROR, 0, attempt->words);
    callback_make_words(attempt, reason, bytes);
    attempt->end = END_BURY;
    attempt_settle(attempt);
}
