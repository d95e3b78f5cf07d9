/*
 * calls.c: GET /v1/calls/{id}: what has become of an asynchronous call. Those in hand and those
 * that ended lately are known; others are looked for in the queues, in a bounded number of
 * entries: waiting calls are not indexed, which would cost memory for each of a million; of functions that
 * were removed nobody knows the names. Then among the store's notes of those that ended, in this life of
 * the node or another.
 */
#include <stdlib.h>
#include <string.h>

#include "node/api/request.h"
#include "node/delivery/consumer.h"
#include "node/delivery/reason.h"
#include "node/functions/function.h"
#include "node/node.h"

#define NAMES_MAX 1024 /* of queues that are searched */

struct queue_job {
    struct queue *queue;
    char (*name)[MF_NAME_BYTES_MAX + 1]; /* behind this struct */
    size_t count, at;
    bool dead;
    uint64_t after;
    uint32_t looks_left;
    enum store_durability notes; /* of queues like that are looked at, at last */
    uint64_t older;
};

static void search(struct api_request *request);

static json_t *call_json(const char *id, const char *function, const char *state,
                         uint32_t attempts, const char *last)
{
    json_t *call = json_pack("{s:s, s:s, s:s, s:I}", "call", id, "function", function, "state",
                             state, "attempts", (json_int_t)attempts);
    if (call && last && last[0])
        json_object_set_new(call, "last", json_string(last));
    return call;
}

static const char *state_of(const struct attempt *attempt)
{
    if (attempt->state == ATTEMPT_RUNNING || attempt->state == ATTEMPT_PASSING)
        return "running";
    if (attempt->state != ATTEMPT_ENDING || attempt->returned)
        return "waiting";
    return attempt->end == END_ACK ? "delivered" : attempt->end == END_BURY ? "dead" : "retrying";
}

/* One in hand. */
static json_t *find_attempt(const struct delivery *delivery, const char *id)
{
    list_each(at, &delivery->consumers) {
        const struct consumer *consumer = list_of(at, struct consumer, link);
        list_each(each, &consumer->attempts) {
            const struct attempt *attempt = list_of(each, struct attempt, link);
            if (strcmp(attempt->call_id, id) == 0)
                return call_json(id, consumer->name, state_of(attempt), attempt->number,
                                 attempt->words);
        }
    }
    return NULL;
}

static json_t *end_json(const char *id, const struct call_end *end)
{
    static const char *const state[] = {
        [CALL_DELIVERED] = "delivered", [CALL_DEAD] = "dead", [CALL_DROPPED] = "dropped",
        [CALL_OFFLOADED] = "offloaded", [CALL_PURGED] = "purged"};
    json_t *call = call_json(id, end->function, state[end->state], end->attempts, end->words);
    if (call)
        json_object_set_new(call, "ended_at", api_stamp_json(end->ended_ms));
    return call;
}

static struct queue_job *names_of(const struct delivery *delivery)
{
    struct queue_job *job = calloc(1, sizeof *job + NAMES_MAX * sizeof *job->name);
    if (!job)
        return NULL;
    job->name = (void *)(job + 1);
    list_each(at, &delivery->consumers) {
        const struct consumer *consumer = list_of(at, struct consumer, link);
        if (consumer->function && job->count < NAMES_MAX)
            memcpy(job->name[job->count++], consumer->name, sizeof consumer->name);
    }
    job->looks_left = MF_CALL_SEARCH_MAX;
    return job;
}

void api_get_call(struct api_request *request)
{
    struct delivery *delivery = &request->api->node->delivery;
    const struct call_end *end = calls_find(&delivery->calls, request->name);
    json_t *call = find_attempt(delivery, request->name);
    if (!call && end && end->state != CALL_DEAD) /* a dead one may have been sent on its way again */
        call = end_json(request->name, end);
    if (call) {
        api_answer_json(request, 200, call);
        return;
    }
    request->queue = names_of(delivery);
    if (!request->queue) {
        api_answer_error(request, 500, "no memory");
        return;
    }
    api_wait(request);
    search(request);
}

static void answer(struct api_request *request, json_t *call)
{
    const struct queue_job *job = request->queue;
    struct mf_why why;
    if (call) {
        api_answer_json(request, 200, call);
    } else {
        (void)mf_why(&why, MF_ENOENT, "no asynchronous call of that id is among the last %u that "
                     "ended, nor among %s for functions that are deployed; what waits for one that was removed, or in "
                     "a named queue, `mayfly queue peek` shows", MF_NOTES_MAX,
                     job->looks_left ? "those that wait" : "the first of those that wait");
        api_answer_error(request, 404, why.text);
    }
    api_wait_over(request);
}

static void noted(void *context, const struct store_answer *told);

static void search_notes(struct api_request *request)
{
    struct queue_job *job = request->queue;
    struct delivery *delivery = &request->api->node->delivery;
    const struct store_ask ask = {delivery_now_ms(delivery), noted, request};
    uint8_t key[CALL_KEY_BYTES];
    call_note_key(request->name, key);
    if (job->notes > STORE_PROCESS_CRASH || !delivery->own ||
        space_note(delivery->own, job->notes, key, job->older, &ask) != MF_OK)
        answer(request, NULL);
}

static void noted(void *context, const struct store_answer *told)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    struct call_end end;
    if (!told->err && call_note_read(told->value, &end) == MF_OK) {
        answer(request, end_json(request->name, &end));
        return;
    }
    if (told->err && told->err != MF_ENOENT) {
        api_answer_error(request, 503, "the store cannot tell what has ended");
        api_wait_over(request);
        return;
    }
    job->older = told->more ? (uint64_t)told->number : 0;
    job->notes += !told->more;
    search_notes(request);
}

static void finish(struct api_request *request, json_t *call)
{
    struct queue_job *job = request->queue;
    struct delivery *delivery = &request->api->node->delivery;
    const struct call_end *end = calls_find(&delivery->calls, request->name);
    if (job->queue)
        queue_put(job->queue);
    job->queue = NULL;
    if (!call) /* it may have been taken meanwhile */
        call = find_attempt(delivery, request->name);
    if (!call && end)
        call = end_json(request->name, end);
    if (call)
        answer(request, call);
    else
        search_notes(request);
}

static json_t *entry_json(const struct api_request *request, const struct queue_entry *entry)
{
    struct queue_job *job = request->queue;
    struct envelope envelope;
    char reason[CALL_WORDS_BYTES * 4];
    if (!entry->event.data || envelope_read(entry->event.data, entry->event.bytes, &envelope, NULL) ||
        envelope.call_id_bytes != strlen(request->name) ||
        memcmp(envelope.call_id, request->name, envelope.call_id_bytes) != 0)
        return NULL;
    (void)snprintf(reason, sizeof reason, "%.*s", (int)reason_words(entry->reason.data, entry->reason.bytes),
                   entry->reason.data ? (const char *)entry->reason.data : "");
    for (char *at = reason; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    return call_json(request->name, job->name[job->at],
                     job->dead          ? "dead"
                     : entry->attempts ? "retrying"
                                       : "waiting",
                     entry->attempts, reason);
}

static void searched(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    json_t *call = NULL;
    for (size_t i = 0; i < answer->count && !call; i++) {
        call = entry_json(request, &answer->entries[i]);
        job->after = answer->entries[i].id;
    }
    job->looks_left -= answer->count < job->looks_left ? (uint32_t)answer->count : job->looks_left;
    if (call) {
        finish(request, call);
        return;
    }
    if (answer->err || !answer->more) { /* the dead ones of this queue, then the next */
        job->after = 0;
        job->at += job->dead;
        job->dead = !job->dead;
    }
    search(request);
}

static void search(struct api_request *request)
{
    struct queue_job *job = request->queue;
    struct delivery *delivery = &request->api->node->delivery;
    const struct store_ask ask = {delivery_now_ms(delivery), searched, request};
    if (job->queue)
        queue_put(job->queue);
    job->queue = NULL;
    if (job->at == job->count || job->looks_left == 0 ||
        delivery_queue(delivery, job->name[job->at], &job->queue) != MF_OK ||
        queue_peek(job->queue, job->dead, job->after,
                   job->looks_left < MF_QUEUE_BATCH_MAX ? job->looks_left : MF_QUEUE_BATCH_MAX,
                   MF_EVENT_BYTES_MAX, &ask) != MF_OK)
        finish(request, NULL);
}
