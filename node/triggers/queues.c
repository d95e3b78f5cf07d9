/*
 * queues.c: `queue`: what is pushed to a named queue goes to the queues of the functions that have
 * a trigger on it, to each of them, or to none. A service of operations/. What was there before, or
 * was put there by another node, is moved: acknowledged, and appended to theirs, in one step.
 *
 * Guarantees: nothing wakes while the named queue is empty.
 * Owns one mover for each named queue that has triggers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/delivery.h"
#include "node/functions/function.h"
#include "node/operations/named.h"
#include "node/operations/operations.h"
#include "node/node.h"
#include "node/triggers/activation.h"

#define LEASE_MS 30000u
#define MOVE_BYTES_MAX (1u << 20)

struct mover {
    struct link link;        /* in triggering.movers         */
    struct triggering *owner;
    char tenant[MF_NAME_BYTES_MAX + 1], name[MF_NAME_BYTES_MAX + 1];
    struct queue *queue;
    struct queue_watch watch;
    struct timer timer;      /* of the next take             */
    uint32_t users;          /* activations                  */
    uint32_t operations;     /* of the store, that refer to it */
    uint32_t trouble;        /* takes that failed, in a row  */
    bool taking;
    bool more;               /* a take may find something    */
};

/* An event on its way to the functions that have a trigger on its queue. */
struct passage {
    struct mover *mover;         /* out of the named queue, where it is: */
    uint64_t id;
    uint32_t attempts;
    struct operation *operation; /* or of who pushes it, and where to:   */
    char queue[MF_NAME_BYTES_MAX + 1];
    size_t bytes;
};

/* Where an event goes. */
struct targets {
    size_t count;
    struct store_also also[1 + MF_STORE_ALSO_MAX];
};

static bool serve(struct operation *operation, const struct queued_event *event);
static void move(struct mover *mover);

void queues_open(struct triggering *triggering)
{
    triggering->node->operations.services.push = serve;
}

static const char *tenant_of(const struct activation *activation)
{
    return activation->function->version->settings.tenant;
}

/* Counted queues, to be put by targets_put(). Of the same event all. */
static mf_err find_targets(const struct triggering *triggering, const char *tenant, const char *name,
                           const struct envelope *envelope, struct store_bytes event, size_t most,
                           struct targets *targets)
{
    mf_err err = MF_OK;
    targets->count = 0;
    list_each(at, &triggering->queues) {
        const struct activation *activation = list_of(at, struct activation, by_kind);
        struct store_also *also = &targets->also[targets->count];
        if (strcmp(activation->trigger.text, name) != 0 || strcmp(tenant_of(activation), tenant) != 0)
            continue;
        if (targets->count == most) {
            mf_log(MF_LOG_WARN, "trigger.too-many", "queue=%s fn=%s why=\"at most %zu functions hear of a queue\"",
                   name, activation->name, most);
            break;
        }
        err = delivery_target(activation->function, envelope, &also->queue, &also->priority);
        if (err)
            break;
        also->event = event;
        targets->count++;
    }
    return err;
}

static void targets_put(struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        queue_put(targets->also[i].queue);
    targets->count = 0;
}

/* It waits for each of them now: only then, for many may be refused. */
static void count_passage(const struct passage *passage)
{
    const struct operation *operation = passage->operation;
    const struct triggering *triggering = operation ? &operation->node->triggering : passage->mover->owner;
    const char *tenant = operation ? operation->version->settings.tenant : passage->mover->tenant;
    const char *name = operation ? passage->queue : passage->mover->name;
    list_each(at, &triggering->queues) {
        const struct activation *activation = list_of(at, struct activation, by_kind);
        if (strcmp(activation->trigger.text, name) == 0 && strcmp(tenant_of(activation), tenant) == 0)
            delivery_appended(activation->function, passage->bytes);
    }
}

/* ---- a push ---- */

static void pushed(void *context, const struct store_answer *answer)
{
    struct passage *passage = context;
    struct operation *operation = passage->operation;
    if (!answer->err)
        count_passage(passage);
    free(passage);
    operation_pushed(operation, answer->err,
                     answer->err == MF_EFULL ? "a queue that it would go to is full, or the disk" : NULL);
}

static mf_err append(struct operation *operation, const struct queued_event *event, struct targets *targets)
{
    const struct delivery *delivery = &operation->node->delivery;
    struct passage *passage = calloc(1, sizeof *passage);
    const struct store_ask ask = {delivery_now_ms(delivery), pushed, passage};
    const struct store_also *first = &targets->also[0];
    enum queue_priority priority = event->priority == QUEUE_URGENT ? QUEUE_URGENT : first->priority;
    if (!passage)
        return MF_ENOMEM;
    *passage = (struct passage){.operation = operation, .bytes = first->event.bytes};
    (void)snprintf(passage->queue, sizeof passage->queue, "%s", event->queue);
    mf_err err = queue_append_beside(first->queue, priority, &first->event, 1,
                                     &(struct store_beside){targets->also + 1, targets->count - 1}, &ask);
    if (err)
        free(passage);
    return err;
}

static bool serve(struct operation *operation, const struct queued_event *event)
{
    struct triggering *triggering = &operation->node->triggering;
    struct targets targets;
    struct store_bytes bytes = {NULL, envelope_bytes(event->envelope)};
    if (list_empty(&triggering->queues))
        return false;
    uint8_t *room = malloc(bytes.bytes);
    mf_err err = room ? MF_OK : MF_ENOMEM;
    targets.count = 0;
    if (room) {
        envelope_write(event->envelope, room);
        bytes.data = room;
        err = find_targets(triggering, event->tenant, event->queue, event->envelope, bytes,
                           1 + MF_STORE_ALSO_MAX, &targets);
    }
    bool ours = err || targets.count > 0;
    if (!err && ours)
        err = append(operation, event, &targets);
    targets_put(&targets);
    free(room);
    if (err)
        operation_pushed(operation, err, NULL);
    return ours;
}

/* ---- what is in the named queue ---- */

static void ready(struct queue_watch *watch)
{
    struct mover *mover = list_of(watch, struct mover, watch);
    mover->more = true;
    move(mover);
}

static void again(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    ready(&list_of(timer, struct mover, timer)->watch);
}

static void let_go(struct mover *mover)
{
    if (mover->users || mover->operations)
        return;
    timer_stop(&mover->owner->node->loop.timers, &mover->timer);
    queue_put(mover->queue);
    free(mover);
}

static void come_back(struct mover *mover, uint64_t delay_ms)
{
    if (mover->users && !mover->owner->quiet)
        timer_set(&mover->owner->node->loop.timers, &mover->timer, mf_monotonic_ns() + delay_ms * MF_NS_PER_MS);
}

/* An entry that cannot be moved now. Else it would be leased for as long as LEASE_MS, whatever room there is. */
static void give_back(struct mover *mover, uint64_t id, uint32_t attempts)
{
    const struct store_ask ask = {delivery_now_ms(&mover->owner->node->delivery), NULL, NULL};
    if (queue_nack(mover->queue, id, attempts, MF_TRIGGER_RETRY_MS_FIRST, &ask))
        mf_log(MF_LOG_WARN, "trigger.lease-passes", "queue=%s", mover->name);
}

static void moved(void *context, const struct store_answer *answer)
{
    struct passage *passage = context;
    struct mover *mover = passage->mover;
    mover->operations--;
    if (!answer->err)
        count_passage(passage);
    if (answer->err == MF_EFULL) /* one of their queues, as a rule */
        give_back(mover, passage->id, passage->attempts);
    if (answer->err && answer->err != MF_ENOENT) /* it stays */
        come_back(mover, MF_TRIGGER_RETRY_MS_FIRST);
    else if (!mover->operations)
        move(mover);
    free(passage);
    let_go(mover);
}

static void move_one(struct mover *mover, const struct queue_entry *entry)
{
    struct passage *passage = calloc(1, sizeof *passage);
    const struct store_ask ask = {delivery_now_ms(&mover->owner->node->delivery), moved, passage};
    struct targets targets;
    struct envelope envelope;
    bool ours = envelope_read(entry->event.data, entry->event.bytes, &envelope, NULL) == MF_OK;
    mf_err err = find_targets(mover->owner, mover->tenant, mover->name, ours ? &envelope : NULL, entry->event,
                              MF_STORE_ALSO_MAX, &targets);
    if (!err && targets.count == 0)
        err = MF_ENOENT;
    if (!err && !passage)
        err = MF_ENOMEM;
    if (passage)
        *passage = (struct passage){.mover = mover, .id = entry->id, .attempts = entry->attempts,
                                    .bytes = entry->event.bytes};
    if (!err)
        err = queue_ack_beside(mover->queue, entry->id, entry->attempts,
                               &(struct store_beside){targets.also, targets.count}, &ask);
    targets_put(&targets);
    if (!err) {
        mover->operations++;
    } else {
        free(passage);
        give_back(mover, entry->id, entry->attempts);
    }
}

static void taken(void *context, const struct store_answer *answer)
{
    struct mover *mover = context;
    struct node *node = mover->owner->node;
    mover->operations--;
    mover->taking = false;
    mover->trouble = answer->err ? mover->trouble + 1 : 0;
    for (size_t i = 0; i < answer->count; i++)
        move_one(mover, &answer->entries[i]);
    mover->more |= answer->count > 0;
    if (answer->err)
        come_back(mover, mover->trouble < 5 ? MF_TRIGGER_RETRY_MS_FIRST << mover->trouble : MF_TRIGGER_RETRY_MS_MAX);
    else if (answer->count == 0 && answer->due_ms != STORE_NEVER) {
        uint64_t now_ms = delivery_now_ms(&node->delivery);
        come_back(mover, answer->due_ms > now_ms ? answer->due_ms - now_ms : 1);
    } else if (!mover->operations)
        move(mover);
    let_go(mover);
}

static void move(struct mover *mover)
{
    const struct store_ask ask = {delivery_now_ms(&mover->owner->node->delivery), taken, mover};
    if (!mover->more || mover->operations || !mover->users || mover->owner->quiet)
        return;
    mover->more = false;
    mf_err err = queue_take(mover->queue, MF_TRIGGER_MOVE_COUNT, MOVE_BYTES_MAX, LEASE_MS, &ask);
    if (err) {
        mover->more = true;
        come_back(mover, MF_TRIGGER_RETRY_MS_FIRST);
        return;
    }
    mover->operations++;
    mover->taking = true;
}

/* ---- triggers come and go ---- */

static struct mover *find_mover(const struct triggering *triggering, const char *tenant, const char *name)
{
    list_each(at, &triggering->movers) {
        struct mover *mover = list_of(at, struct mover, link);
        if (strcmp(mover->tenant, tenant) == 0 && strcmp(mover->name, name) == 0)
            return mover;
    }
    return NULL;
}

bool triggers_read(const struct triggering *triggering, const char *tenant, const char *queue)
{
    return find_mover(triggering, tenant, queue) != NULL;
}

static struct mover *make_mover(struct triggering *triggering, const char *tenant, const char *name)
{
    struct mover *mover = calloc(1, sizeof *mover);
    if (!mover || named_queue(triggering->node, tenant, name, &mover->queue)) {
        free(mover);
        return NULL;
    }
    mover->owner = triggering;
    (void)snprintf(mover->tenant, sizeof mover->tenant, "%s", tenant);
    (void)snprintf(mover->name, sizeof mover->name, "%s", name);
    mover->watch.ready = ready;
    mover->timer.fire = again;
    link_init(&mover->link);
    list_append(&triggering->movers, &mover->link);
    queue_watch(mover->queue, &mover->watch);
    return mover;
}

void queue_trigger_begin(struct activation *activation)
{
    struct triggering *triggering = activation->owner;
    const char *name = activation->trigger.text, *tenant = tenant_of(activation);
    struct mover *mover = find_mover(triggering, tenant, name);
    list_append(&triggering->queues, &activation->by_kind);
    if (!mover)
        mover = make_mover(triggering, tenant, name);
    if (!mover) {
        mf_log(MF_LOG_ERROR, "trigger.none", "fn=%s queue=%s why=\"no memory\"", activation->name, name);
        return;
    }
    mover->users++;
    activation->mover = mover;
    ready(&mover->watch);
}

void queue_trigger_end(struct activation *activation)
{
    struct mover *mover = activation->mover;
    activation->mover = NULL;
    if (!mover || --mover->users > 0)
        return;
    queue_unwatch(mover->queue, &mover->watch);
    timer_stop(&mover->owner->node->loop.timers, &mover->timer);
    list_remove(&mover->link);
    let_go(mover);
}

void queues_close(struct triggering *triggering)
{
    mf_assert(list_empty(&triggering->movers)); /* their activations have ended */
}
