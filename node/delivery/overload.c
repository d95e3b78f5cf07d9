/*
 * overload.c: see overload.h.
 * Guarantees: an event that is neither waiting nor a dead letter afterwards is counted, and told
 * of in its function's log, or its maker is told that it was not taken.
 * Leaves to others: making room (store/), stopping (stop.c).
 */
#include "node/delivery/overload.h"

#include <stdio.h>
#include <string.h>

#include "node/callbacks/letter.h"
#include "node/delivery/callback.h"
#include "node/delivery/consumer.h"
#include "node/delivery/offload.h"
#include "node/delivery/stop.h"
#include "node/egress/url.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"

enum queue_priority overload_priority(const struct function *function,
                                      const struct envelope *envelope)
{
    static const char bulk[] = "bulk";
    size_t bytes = 0;
    if (!function->version || function->version->settings.priority == PRIORITY_BULK)
        return QUEUE_BULK;
    const char *value = envelope_header(envelope, PRIORITY_HEADER, &bytes);
    return value && bytes == sizeof bulk - 1 && memcmp(value, bulk, bytes) == 0 ? QUEUE_BULK
                                                                                : QUEUE_URGENT;
}

enum queue_overflow overload_overflow(const struct settings *settings)
{
    switch (settings->overload) {
    case OVERLOAD_DROP_OLDEST:
        return QUEUE_DROPS;
    case OVERLOAD_DEAD_LETTER:
        return QUEUE_BURIES;
    default:
        return QUEUE_REFUSES;
    }
}

/* Rationed as a guest's lines are: there may be thousands a second. */
static void tell(const struct consumer *consumer, const char *call_id, const char *text, size_t bytes)
{
    if (consumer->function)
        function_log_write(consumer->function->log, MF_LOG_WARN, 0, call_id, text, bytes, NULL);
}

bool overload_keeps(const struct settings *settings, const struct envelope *envelope)
{
    const char *url;
    size_t url_bytes;
    return offload_may(settings) ||
           (settings->overload == OVERLOAD_DEAD_LETTER &&
            letter_wanted(envelope->fields, envelope->field_bytes, &url, &url_bytes));
}

static void tell_buried(const struct submission *submission, const char *words)
{
    struct envelope envelope;
    if (submission->kept && envelope_read(submission->kept, submission->bytes, &envelope, NULL) == MF_OK)
        callback_tell(submission->consumer, &envelope, "dead-letter", words);
}

void overload_appended(struct submission *submission, uint32_t number)
{
    struct consumer *consumer = submission->consumer;
    const struct settings *settings = consumer->function && consumer->function->version
                                          ? &consumer->function->version->settings : NULL;
    if (number && settings && settings->overload == OVERLOAD_DEAD_LETTER) {
        static const char words[] = "its queue is full: an event became a dead letter at once";
        consumer->stat.dead_count += number;
        consumer->stat.dead_bytes += submission->bytes;
        consumer->outcomes[OUTCOME_DEAD] += number;
        tell(consumer, submission->call_id[0] ? submission->call_id : NULL, words, sizeof words - 1);
        tell_buried(submission, words);
        return;
    }
    consumer->stat.count += submission->count; /* without what was dropped: overload_ended() */
    consumer->stat.bytes += submission->bytes;
}

static void end_as(struct consumer *consumer, const struct envelope *envelope, enum call_state state, uint32_t attempts,
                   const char *line, const char *last)
{
    struct delivery *delivery = consumer->delivery;
    char call_id[MF_CALL_ID_BYTES_MAX + 1];
    uint8_t key[CALL_KEY_BYTES];
    (void)snprintf(call_id, sizeof call_id, "%.*s", (int)envelope->call_id_bytes, envelope->call_id);
    tell(consumer, call_id, line, strlen(line));
    call_note_key(call_id, key);
    calls_ended(&delivery->calls, key, consumer->name, state, attempts, last, delivery_now_ms(delivery));
}

void overload_offloaded(struct submission *submission, const char *host)
{
    struct envelope envelope;
    char line[URL_HOST_BYTES_MAX + 64];
    if (envelope_read(submission->kept, submission->bytes, &envelope, NULL))
        return;
    (void)snprintf(line, sizeof line, "its queue was full: %s has taken it", host);
    end_as(submission->consumer, &envelope, CALL_OFFLOADED, 0, line, line);
}

static void end_one(struct consumer *consumer, const struct queue_entry *entry)
{
    const bool dead = entry->died_ms > 0;
    const char *words = dead ? "it waited for longer than max_age_s: it became a dead letter"
                             : "its queue was full: it was dropped, the oldest that waited";
    struct envelope envelope;
    if (envelope_read_beginning(entry->event.data, entry->event.bytes, &envelope)) {
        tell(consumer, NULL, words, strlen(words)); /* nobody's call */
        return;
    }
    end_as(consumer, &envelope, dead ? CALL_DEAD : CALL_DROPPED, entry->attempts, words,
           dead ? QUEUE_TOO_OLD : QUEUE_WAS_FULL);
    callback_tell(consumer, &envelope, dead ? "dead-letter" : "dropped", words);
}

void overload_ended(struct queue_watch *watch, const struct queue_entry *entries, size_t count)
{
    struct consumer *consumer = list_of(watch, struct consumer, watch);
    size_t dead = 0;
    for (size_t i = 0; i < count; i++) {
        end_one(consumer, &entries[i]);
        dead += entries[i].died_ms > 0;
    }
    consumer->stat.count -= count < consumer->stat.count ? count : consumer->stat.count;
    consumer->stat.dead_count += dead;
    consumer->outcomes[OUTCOME_DEAD] += dead;
    consumer->outcomes[OUTCOME_DROPPED] += count - dead;
    consumer_ask_size(consumer); /* how large they were is not among what is told */
}

/* Not while it is only starting up, or waits for something else. */
static bool is_at_maximum(const struct consumer *consumer)
{
    return consumer->running >= consumer_most(consumer->function);
}

struct stop_of {
    struct registry *registry;
    const char *name;   /* of the function whose queue is full */
    const char *reason;
};

static void stop_beside(const char *name, void *context)
{
    const struct stop_of *stop = context;
    struct function *function = registry_find(stop->registry, name);
    if (function && strcmp(name, stop->name) != 0)
        stop_function(function, stop->reason);
}

/* And all that belongs to its workflow: what goes on without one step does harm elsewhere. */
static void stop_workflow(struct function *function, const char *reason)
{
    struct node *node = function->node;
    char beside[MF_STOP_REASON_BYTES_MAX];
    (void)snprintf(beside, sizeof beside, "its workflow is, as %s: %.100s …", function->name, reason);
    stop_function(function, reason);
    workflows_each_beside(&node->workflows, function->name, stop_beside,
                          &(struct stop_of){&node->registry, function->name, beside});
}

void overload_refused(struct submission *submission)
{
    struct consumer *consumer = submission->consumer;
    struct function *function = consumer->function;
    const struct settings *settings = &function->version->settings;
    char reason[MF_STOP_REASON_BYTES_MAX];
    if (submission->kept && offload_may(settings)) {
        offload_send(submission);
        return;
    }
    if (settings->overload != OVERLOAD_STOP_WORKFLOW || !is_at_maximum(consumer)) {
        delivery_finish(submission, SITUATION_QUEUE_FULL, NULL);
        return;
    }
    (void)snprintf(reason, sizeof reason,
                   "overload: %u events wait and %u are in work, which is as many as may; `mayfly start %s` "
                   "lets it go on", settings->queue_max, consumer->running, function->name);
    stop_workflow(function, reason);
    delivery_finish(submission, SITUATION_STOPPED, function->stopped);
}
