/*
 * consumer.c: which entries of a queue come into a node's hands, and when.
 * Guarantees: of one function as many run as it may have instances; events in hand stay within
 * half of the node's budget together, so that synchronous calls have the other half; an empty
 * queue arms no timer.
 * Leaves to others: what becomes of an entry (attempt.c).
 */
#include "node/delivery/consumer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/durability.h"
#include "node/delivery/ended.h"
#include "node/delivery/retry.h"
#include "node/functions/function.h"
#include "node/node.h"

static void ready(struct queue_watch *watch);
static void due(struct timer *timer, uint64_t now_ns);
static void taken(void *context, const struct store_answer *answer);

mf_err consumer_of(struct function *function, struct consumer **out)
{
    struct delivery *delivery = &function->node->delivery;
    struct queue *queue;
    *out = function->consumer;
    if (function->consumer)
        return MF_OK;
    mf_err err = delivery_queue(delivery, function->name, &queue);
    if (err)
        return err;
    struct consumer *consumer = calloc(1, sizeof *consumer);
    if (!consumer) {
        queue_put(queue);
        return MF_ENOMEM;
    }
    consumer->delivery = delivery;
    consumer->function = function;
    memcpy(consumer->name, function->name, sizeof consumer->name);
    consumer->queue = queue;
    consumer->durability = durability_of(function->version ? &function->version->settings : NULL);
    consumer->watch.ready = ready;
    consumer->watch.ended = ended_told;
    consumer->timer.fire = due;
    link_init(&consumer->link);
    link_init(&consumer->roomless);
    link_init(&consumer->taker);
    link_init(&consumer->attempts);
    list_append(&delivery->consumers, &consumer->link);
    queue_watch(queue, &consumer->watch);
    *out = function->consumer = consumer;
    return MF_OK;
}

void consumer_detach(struct consumer *consumer)
{
    if (!consumer->function)
        return;
    timer_stop(&consumer->delivery->node->loop.timers, &consumer->timer);
    list_remove(&consumer->roomless);
    queue_unwatch(consumer->queue, &consumer->watch);
    consumer->function->consumer = NULL;
    consumer->function = NULL;
    list_each_safe(at, &consumer->attempts)
        attempt_return(list_of(at, struct attempt, link));
}

void consumer_let_go(struct consumer *consumer)
{
    if (consumer->function || consumer->operations || consumer->in_hand)
        return;
    queue_put(consumer->queue);
    list_remove(&consumer->taker);
    list_remove(&consumer->link);
    free(consumer);
}

/* ---- taking ---- */

static void ready(struct queue_watch *watch)
{
    struct consumer *consumer = list_of(watch, struct consumer, watch);
    consumer->more = true;
    consumer_take(consumer);
}

static void due(struct timer *timer, uint64_t now_ns)
{
    struct consumer *consumer = list_of(timer, struct consumer, timer);
    (void)now_ns;
    consumer->more = true;
    consumers_room(consumer->delivery); /* whose turn it is */
    consumer_take(consumer);
}

static void come_back(struct consumer *consumer, uint64_t delay_ms)
{
    timer_set(&consumer->delivery->node->loop.timers, &consumer->timer,
              mf_monotonic_ns() + delay_ms * MF_NS_PER_MS);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Memory for what a take may bring: a take brings one entry however large it is. */
static bool reserve(struct consumer *consumer)
{
    struct delivery *delivery = consumer->delivery;
    struct budget *budget = &delivery->node->budget;
    size_t half = (size_t)(budget->limit / 2);
    size_t bytes = half < MF_EVENT_BYTES_MAX ? half : MF_EVENT_BYTES_MAX;
    if (bytes > half - delivery->held_bytes || !budget_take(budget, bytes))
        return false;
    delivery->held_bytes += bytes;
    consumer->reserved = bytes;
    return true;
}

/* In turn: else who has much in hand would take what it gives back, and others never any. */
static bool gets_room(struct consumer *consumer)
{
    struct link *waiting = &consumer->delivery->roomless;
    bool turn = list_empty(waiting) || waiting->next == &consumer->roomless;
    if (turn && reserve(consumer)) {
        list_remove(&consumer->roomless);
        return true;
    }
    if (list_empty(&consumer->roomless))
        list_append(waiting, &consumer->roomless);
    return false;
}

void consumers_room(struct delivery *delivery)
{
    while (!list_empty(&delivery->roomless)) {
        struct link *first = delivery->roomless.next;
        consumer_take(list_of(first, struct consumer, roomless));
        if (delivery->roomless.next == first)
            return;
    }
}

static void unreserve(struct consumer *consumer)
{
    budget_give(&consumer->delivery->node->budget, consumer->reserved);
    consumer->delivery->held_bytes -= consumer->reserved;
    consumer->reserved = 0;
}

/* As many as it may have instances; fewer where they would only wait for processors, but of
 * short events those that one instance runs within a moment count as one. */
uint32_t consumer_most(const struct function *function)
{
    uint32_t most = function->version->settings.max_instances, limit = fair_limit(function);
    uint32_t ahead = policy_ahead(&function->times);
    return limit < most / ahead ? limit * ahead : most;
}

void consumer_take(struct consumer *consumer)
{
    struct delivery *delivery = consumer->delivery;
    const struct function *function = consumer->function;
    if (consumer->taking || !consumer->more || delivery->quiet || !function || !function->version ||
        function->stopped) {
        list_remove(&consumer->roomless);
        return;
    }
    if (delivery->settling) {
        if (list_empty(&consumer->taker))
            list_append(&delivery->takers, &consumer->taker);
        return;
    }
    uint32_t most = consumer_most(function);
    if (consumer->running >= most || consumer->in_hand >= MF_DELIVERY_IN_HAND_MAX) {
        list_remove(&consumer->roomless);
        return; /* the end of an attempt looks again */
    }
    if (!gets_room(consumer)) {
        come_back(consumer, MF_DELIVERY_ROOM_RETRY_MS);
        return;
    }
    consumer->asked = smaller(smaller(most - consumer->running, MF_QUEUE_BATCH_MAX),
                              MF_DELIVERY_IN_HAND_MAX - consumer->in_hand);
    const struct store_ask ask = {delivery_now_ms(delivery), taken, consumer};
    if (queue_take(consumer->queue, consumer->asked, consumer->reserved, MF_DELIVERY_LEASE_MS,
                   &ask) != MF_OK) {
        unreserve(consumer);
        come_back(consumer, retry_trouble_ms(++consumer->trouble));
        return;
    }
    consumer->taking = true;
    consumer->more = false;
    consumer->operations++;
}

static void keep(struct consumer *consumer, const struct queue_entry *entry)
{
    size_t charged = entry->event.bytes < consumer->reserved ? entry->event.bytes
                                                             : consumer->reserved;
    consumer->reserved -= charged;
    attempt_create(consumer, entry, charged);
}

static void taken(void *context, const struct store_answer *answer)
{
    struct consumer *consumer = context;
    struct delivery *delivery = consumer->delivery;
    consumer->operations--;
    for (size_t i = 0; !answer->err && !delivery->closing && i < answer->count; i++)
        keep(consumer, &answer->entries[i]);
    unreserve(consumer);
    consumer->taking = false;
    consumers_room(delivery);
    if (!consumer->function || delivery->quiet) { /* what came too late goes back */
        list_each_safe(at, &consumer->attempts)
            attempt_return(list_of(at, struct attempt, link));
        consumer_let_go(consumer);
        return;
    }
    if (answer->err) {
        consumer->more = true;
        mf_log(MF_LOG_WARN, "delivery.waits", "fn=%s why=\"%s\"", consumer->name,
               mf_err_words(answer->err));
        come_back(consumer, retry_trouble_ms(++consumer->trouble));
        return;
    }
    consumer->trouble = 0;
    uint64_t now_ms = delivery_now_ms(delivery);
    timer_stop(&delivery->node->loop.timers, &consumer->timer);
    if (answer->due_ms <= now_ms || answer->count == consumer->asked)
        consumer->more = true;
    else if (answer->due_ms != STORE_NEVER)
        come_back(consumer, answer->due_ms - now_ms);
    if (!answer->count && !consumer->in_hand)
        consumer_ask_size(consumer);
    if (answer->count || consumer->more)
        consumer_take(consumer);
}

static void counted(void *context, const struct store_answer *answer)
{
    struct consumer *consumer = context;
    consumer->operations--;
    consumer->sizing = false;
    if (!answer->err)
        consumer->stat = answer->stat;
    durability_settle(consumer);
    consumer_let_go(consumer);
}

void consumer_ask_size(struct consumer *consumer)
{
    const struct store_ask ask = {delivery_now_ms(consumer->delivery), counted, consumer};
    if (consumer->sizing || queue_stat(consumer->queue, &ask) != MF_OK)
        return; /* the tally stays as it is */
    consumer->sizing = true;
    consumer->operations++;
}
