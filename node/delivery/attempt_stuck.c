/* attempt_stuck.c: an event whose function took it, but whose outputs find no room. */
#include <stdio.h>

#include <sodium.h>

#include "base/clock.h"
#include "node/delivery/circle.h"
#include "node/delivery/consumer.h"
#include "node/delivery/outputs.h"
#include "node/delivery/retry.h"
#include "node/functions/function.h"
#include "node/node.h"

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
    attempt_log(attempt, MF_LOG_ERROR, 0, attempt->words);
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
        attempt_log(attempt, MF_LOG_WARN, 0, text);
    }
    attempt->again_ns = mf_monotonic_ns() +
                        retry_overload_ms(attempt->stuck, randombytes_random()) * MF_NS_PER_MS;
    attempt_set_timer(attempt);
    attempt->full = why == SITUATION_QUEUE_FULL ? attempt->full + 1 : 0;
    if (attempt->full >= MF_STUCK_TRIES_MAX)
        consumer_ask_size(consumer); /* for the next time: other nodes append, too */
}
