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
#include "node/delivery/ended.h"
#include "node/delivery/offload.h"
#include "node/delivery/stop.h"
#include "node/egress/url.h"
#include "node/functions/function.h"
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
        callback_tell(submission->consumer->delivery, submission->consumer->name, &envelope, "dead-letter", words);
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
        ended_line(consumer->function, submission->call_id[0] ? submission->call_id : NULL, words);
        tell_buried(submission, words);
        return;
    }
    consumer->stat.count += submission->count; /* without what was dropped: ended_told() */
    consumer->stat.bytes += submission->bytes;
}

void overload_offloaded(struct submission *submission, const char *host)
{
    struct envelope envelope;
    char line[URL_HOST_BYTES_MAX + 64];
    if (envelope_read(submission->kept, submission->bytes, &envelope, NULL))
        return;
    (void)snprintf(line, sizeof line, "its queue was full: %s has taken it", host);
    ended_as(submission->consumer->delivery, submission->consumer->name, &envelope,
             &(struct ended_how){CALL_OFFLOADED, 0, line, line});
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
