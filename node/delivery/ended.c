/*
 * ended.c: see ended.h.
 * Guarantees: an event that is neither waiting nor a dead letter afterwards is counted, and told of; one that runs when
 * it is purged is told of when it has ended, once.
 * Leaves to others: what the store notes of it (call_note_of()).
 */
#include "node/delivery/ended.h"

#include <stdio.h>
#include <string.h>

#include "node/delivery/callback.h"
#include "node/delivery/consumer.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"

void ended_line(const struct function *function, const char *call_id, const char *line)
{
    if (function)
        function_log_write(function->log, MF_LOG_WARN, 0, call_id, line, strlen(line), NULL);
}

void ended_as(struct delivery *delivery, const char *name, const struct envelope *envelope,
              const struct ended_how *how)
{
    char call_id[MF_CALL_ID_BYTES_MAX + 1];
    uint8_t key[CALL_KEY_BYTES];
    (void)snprintf(call_id, sizeof call_id, "%.*s", (int)envelope->call_id_bytes, envelope->call_id);
    ended_line(registry_find(&delivery->node->registry, name), call_id, how->line);
    call_note_key(call_id, key);
    calls_ended(&delivery->calls, key, name, how->state, how->attempts, how->last, delivery_now_ms(delivery));
}

/* Which of the three, what it is called, and what is said of it. */
struct end {
    enum call_state state;
    const char *code, *words, *last;
};

static const struct end *end_of(const struct queue_entry *entry)
{
    static const struct end old = {CALL_DEAD, "dead-letter", "it waited for longer than max_age_s: it became a dead letter",
                                   QUEUE_TOO_OLD};
    static const struct end dropped = {CALL_DROPPED, "dropped",
                                       "its queue was full: it was dropped, the oldest that waited", QUEUE_WAS_FULL};
    static const struct end purged = {CALL_PURGED, "purged", "it was removed from its queue by hand (queue purge)",
                                      QUEUE_PURGED};
    return call_end_state(entry) == CALL_PURGED ? &purged : entry->died_ms ? &old : &dropped;
}

static void tell(struct delivery *delivery, const char *name, const struct queue_entry *entry)
{
    const struct end *end = end_of(entry);
    struct envelope envelope;
    if (envelope_read_beginning(entry->event.data, entry->event.bytes, &envelope)) { /* nobody's call */
        ended_line(registry_find(&delivery->node->registry, name), NULL, end->words);
        return;
    }
    ended_as(delivery, name, &envelope, &(struct ended_how){end->state, entry->attempts, end->words, end->last});
    callback_tell(delivery, name, &envelope, end->code, end->words);
}

/* One that was purged, and is in hand: has it begun? Then it comes to its end. Else it goes. */
static bool goes_on(const struct consumer *consumer, const struct queue_entry *entry)
{
    if (call_end_state(entry) != CALL_PURGED || !entry->attempts)
        return false;
    list_each(at, &consumer->attempts) {
        struct attempt *attempt = list_of(at, struct attempt, link);
        if (attempt->id != entry->id || attempt->number != entry->attempts || attempt->over)
            continue;
        if (attempt->state != ATTEMPT_READY && attempt->state != ATTEMPT_HELD)
            return true;
        attempt_let_go(attempt);
        return false;
    }
    return false;
}

void ended_told(struct queue_watch *watch, const struct queue_entry *entries, size_t count)
{
    struct consumer *consumer = list_of(watch, struct consumer, watch);
    uint64_t ends[CALL_STATES] = {0};
    for (size_t i = 0; i < count; i++) {
        if (goes_on(consumer, &entries[i]))
            continue;
        ends[call_end_state(&entries[i])]++;
        tell(consumer->delivery, consumer->name, &entries[i]);
    }
    consumer->stat.count -= count < consumer->stat.count ? count : consumer->stat.count;
    consumer->stat.dead_count += ends[CALL_DEAD];
    consumer->outcomes[OUTCOME_DEAD] += ends[CALL_DEAD];
    consumer->outcomes[OUTCOME_DROPPED] += ends[CALL_DROPPED];
    consumer->outcomes[OUTCOME_PURGED] += ends[CALL_PURGED];
    consumer_ask_size(consumer); /* how large they were is not among what is told */
}

void ended_purged(struct delivery *delivery, const char *name, const struct queue_entry *entries, size_t count)
{
    const struct function *function = registry_find(&delivery->node->registry, name);
    if (function && function->consumer)
        return;
    for (size_t i = 0; i < count; i++)
        tell(delivery, name, &entries[i]);
}
