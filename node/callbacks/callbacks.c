/*
 * callbacks.c: see callbacks.h.
 * Guarantees: a letter leaves the queue only when its host has taken it, or after its time, with
 * a line in the log; an empty queue arms no timer; letters in hand count against the budget,
 * and take no more than their share of it.
 * Leaves to others: where it may go and how (egress/), what a letter says (letter.c).
 */
#include "node/callbacks/callbacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/callbacks/letter.h"
#include "node/callbacks/room.h"
#include "node/delivery/retry.h"
#include "node/egress/egress.h"
#include "node/node.h"

static void take(struct callbacks *callbacks);
static void ready(struct queue_watch *watch);
static void due(struct timer *timer, uint64_t now_ns);
static void look_for_stalls(struct timer *timer, uint64_t now_ns);
static void post(struct posting *posting);
static void post_all(struct callbacks *callbacks);
static void settle(struct posting *posting, uint32_t status);
static void finish(struct posting *posting, uint64_t delay_ms);
static void answered(void *context, const struct egress_answer *answer);
static void let_go(struct callbacks *callbacks);

static uint64_t now_ms(const struct callbacks *callbacks)
{
    return delivery_now_ms(&callbacks->node->delivery);
}

mf_err callbacks_open(struct callbacks *callbacks, struct node *node, struct mf_why *why)
{
    const struct queue_settings settings = {.durability = STORE_POWER_LOSS,
                                            .count_max = MF_CALLBACKS_WAITING_MAX};
    *callbacks = (struct callbacks){.node = node, .watch = {.ready = ready}, .timer = {.fire = due}, .stall = {.fire = look_for_stalls},
                                    .more = true};
    link_init(&callbacks->postings);
    mf_err err = queue_get(node->delivery.store, CALLBACKS_TENANT, "letters", &settings,
                           &callbacks->queue);
    if (err)
        return mf_why(why, err, "the queue of callbacks cannot be opened: %s", mf_err_words(err));
    queue_watch(callbacks->queue, &callbacks->watch);
    take(callbacks);
    return MF_OK;
}

mf_err callbacks_append(struct callbacks *callbacks, const void *letter, size_t bytes,
                        store_done done, void *context)
{
    const struct store_bytes entry = {letter, bytes};
    const struct store_ask ask = {now_ms(callbacks), done, context};
    if (!callbacks->queue || callbacks->closing)
        return MF_EDEAD;
    return queue_append(callbacks->queue, QUEUE_BULK, &entry, 1, &ask);
}

void callbacks_quiet(struct callbacks *callbacks)
{
    if (!callbacks->queue || callbacks->quiet)
        return;
    callbacks->quiet = true;
    post_all(callbacks); /* back with those that wait */
    timer_stop(&callbacks->node->loop.timers, &callbacks->timer);
    timer_stop(&callbacks->node->loop.timers, &callbacks->stall);
}

bool callbacks_rest(const struct callbacks *callbacks)
{
    return !callbacks->queue || (callbacks->in_hand == 0 && !callbacks->taking);
}

static void drop(struct posting *posting)
{
    struct callbacks *callbacks = posting->callbacks;
    list_remove(&posting->link);
    callbacks->in_hand--;
    callbacks->held -= posting->charged;
    budget_give(&callbacks->node->budget, posting->charged);
    free(posting);
}

void callbacks_close(struct callbacks *callbacks)
{
    if (!callbacks->queue)
        return;
    callbacks_quiet(callbacks);
    callbacks->closing = true;
    list_each_safe(at, &callbacks->postings) {
        struct posting *posting = list_of(at, struct posting, link);
        if (!posting->ending) /* else the store's answer drops it */
            drop(posting);
    }
    let_go(callbacks);
}

/* When nothing of the store's refers to it any more, the queue goes. */
static void let_go(struct callbacks *callbacks)
{
    if (!callbacks->closing || callbacks->operations || !callbacks->queue)
        return;
    queue_unwatch(callbacks->queue, &callbacks->watch);
    queue_put(callbacks->queue);
    callbacks->queue = NULL;
}

/* ---- taking ---- */

static void ready(struct queue_watch *watch)
{
    struct callbacks *callbacks = list_of(watch, struct callbacks, watch);
    callbacks->more = true;
    take(callbacks);
}

static void due(struct timer *timer, uint64_t now_ns)
{
    struct callbacks *callbacks = list_of(timer, struct callbacks, timer);
    (void)now_ns;
    callbacks->more = true;
    take(callbacks);
}

static void come_back(struct callbacks *callbacks, uint64_t delay_ms)
{
    if (!callbacks->quiet)
        timer_set(&callbacks->node->loop.timers, &callbacks->timer,
                  mf_monotonic_ns() + delay_ms * MF_NS_PER_MS);
}

static void create(struct callbacks *callbacks, const struct queue_entry *entry)
{
    size_t bytes = entry->event.bytes;
    struct posting *posting = calloc(1, sizeof *posting + bytes);
    if (!posting)
        return; /* its lease passes */
    posting->charged = bytes < callbacks->reserved ? bytes : callbacks->reserved;
    callbacks->reserved -= posting->charged;
    callbacks->held += posting->charged;
    posting->callbacks = callbacks;
    posting->id = entry->id;
    posting->number = entry->attempts;
    posting->enqueued_ms = entry->enqueued_ms;
    posting->taken_ns = mf_monotonic_ns();
    posting->bytes = bytes;
    if (bytes)
        memcpy(posting->letter, entry->event.data, bytes);
    link_init(&posting->link);
    list_append(&callbacks->postings, &posting->link);
    callbacks->in_hand++;
}

static void taken(void *context, const struct store_answer *answer)
{
    struct callbacks *callbacks = context;
    callbacks->operations--;
    callbacks->taking = false;
    for (size_t i = 0; !answer->err && !callbacks->closing && i < answer->count; i++)
        create(callbacks, &answer->entries[i]);
    budget_give(&callbacks->node->budget, callbacks->reserved);
    callbacks->reserved = 0;
    if (callbacks->closing) {
        let_go(callbacks);
        return;
    }
    if (answer->err) {
        mf_log(MF_LOG_WARN, "callbacks.wait", "why=\"%s\"", mf_err_words(answer->err));
        come_back(callbacks, retry_trouble_ms(++callbacks->trouble));
        return;
    }
    callbacks->trouble = 0;
    uint64_t now = now_ms(callbacks);
    if (answer->due_ms <= now || answer->count == callbacks->asked)
        callbacks->more = true;
    else if (answer->due_ms != STORE_NEVER)
        come_back(callbacks, answer->due_ms - now);
    post_all(callbacks);
    take(callbacks);
}

/* Are more wanted than there is room for? Then who holds it has to use it. */
static void want_room(struct callbacks *callbacks)
{
    if (!callbacks->stall.armed)
        timer_set(&callbacks->node->loop.timers, &callbacks->stall,
                  mf_monotonic_ns() + MF_CALLBACK_STALL_MS * MF_NS_PER_MS / 2);
}

/* A take brings one entry however large it is. */
static void take(struct callbacks *callbacks)
{
    struct budget *budget = &callbacks->node->budget;
    if (callbacks->taking || !callbacks->more || callbacks->quiet ||
        callbacks->in_hand >= MF_CALLBACKS_IN_HAND_MAX)
        return; /* the end of a posting looks again */
    if (!room_left(callbacks)) {
        want_room(callbacks);
        return; /* the same */
    }
    if (!budget_take(budget, MF_EVENT_BYTES_MAX)) {
        come_back(callbacks, MF_CALLBACKS_ROOM_MS);
        return;
    }
    const struct store_ask ask = {now_ms(callbacks), taken, callbacks};
    callbacks->asked = MF_CALLBACKS_IN_HAND_MAX - callbacks->in_hand;
    if (queue_take(callbacks->queue, callbacks->asked, MF_EVENT_BYTES_MAX, MF_CALLBACK_LEASE_MS, &ask)) {
        budget_give(budget, MF_EVENT_BYTES_MAX);
        come_back(callbacks, retry_trouble_ms(++callbacks->trouble));
        return;
    }
    timer_stop(&callbacks->node->loop.timers, &callbacks->timer);
    callbacks->reserved = MF_EVENT_BYTES_MAX;
    callbacks->taking = true;
    callbacks->more = false;
    callbacks->operations++;
}

/* ---- the end of one ---- */

static void ended(void *context, const struct store_answer *answer)
{
    struct posting *posting = context;
    struct callbacks *callbacks = posting->callbacks;
    callbacks->operations--;
    if (answer->err && answer->err != MF_ENOENT) /* its lease passes, and it comes again */
        mf_log(MF_LOG_WARN, "callback.unsettled", "call=%s why=\"%s\"", posting->call_id,
               mf_err_words(answer->err));
    drop(posting);
    callbacks->more |= callbacks->in_hand == 0; /* a take tells when the next is due */
    take(callbacks);
    let_go(callbacks);
}

/* delay_ms: back into the queue for so long; 0: it is through. */
static void finish(struct posting *posting, uint64_t delay_ms)
{
    struct callbacks *callbacks = posting->callbacks;
    const struct store_ask ask = {now_ms(callbacks), ended, posting};
    if (!delay_ms)
        strikes_forget(&callbacks->strikes, posting->id);
    mf_err err = delay_ms ? queue_nack(callbacks->queue, posting->id, posting->number, delay_ms, &ask)
                          : queue_ack(callbacks->queue, posting->id, posting->number, &ask);
    posting->ending = !err;
    callbacks->operations += !err;
    if (!err)
        return;
    drop(posting);
    come_back(callbacks, retry_trouble_ms(1));
}

static void give_up(struct posting *posting, const char *words)
{
    posting->callbacks->lost++;
    mf_log(MF_LOG_WARN, "callback.lost", "call=%s host=%s why=\"%s\"", posting->call_id,
           posting->url.host.text, words);
    finish(posting, 0);
}

static void again(struct posting *posting, uint64_t delay_ms, const char *words)
{
    struct callbacks *callbacks = posting->callbacks;
    uint64_t now = now_ms(callbacks);
    if (now > posting->enqueued_ms && now - posting->enqueued_ms > MF_CALLBACK_AGE_MS_MAX)
        give_up(posting, words);
    else
        finish(posting, delay_ms ? delay_ms : 1);
}

/* ---- one POST ---- */

static void failed(struct posting *posting, const char *words)
{
    struct callbacks *callbacks = posting->callbacks;
    if (pauses_failed(&callbacks->pauses, &posting->url, now_ms(callbacks)))
        mf_log(MF_LOG_INFO, "callback.waits", "call=%s host=%s why=\"%s\"", posting->call_id,
               posting->url.host.text, words);
    again(posting, retry_delay_ms(strikes_add(&callbacks->strikes, posting->id), randombytes_random()), words);
}

/* Who is slow with nobody waiting has all its time. */
static void look_for_stalls(struct timer *timer, uint64_t now_ns)
{
    struct callbacks *callbacks = list_of(timer, struct callbacks, stall);
    list_each_safe(at, &callbacks->postings) {
        struct posting *posting = list_of(at, struct posting, link);
        if (!room_stalled(posting, now_ns))
            continue;
        egress_cancel(posting->transfer);
        posting->transfer = NULL;
        turns_took(&callbacks->turns, &posting->url, mf_monotonic_ns() - posting->begun_ns);
        failed(posting, "its host does not take it, and others wait for its room");
    }
    post_all(callbacks);
    take(callbacks); /* and looks again, if there is still no room */
}

/* Below 500 somebody has looked at it; but 408 and 429 say: later. */
static void answered(void *context, const struct egress_answer *answer)
{
    struct posting *posting = context;
    struct callbacks *callbacks = posting->callbacks;
    posting->transfer = NULL;
    turns_took(&callbacks->turns, &posting->url, mf_monotonic_ns() - posting->begun_ns);
    if (answer->err)
        failed(posting, answer->words);
    else
        settle(posting, answer->status);
    post_all(callbacks); /* its place is free */
}

static void settle(struct posting *posting, uint32_t status)
{
    struct callbacks *callbacks = posting->callbacks;
    char words[64];
    (void)snprintf(words, sizeof words, "status %u", status);
    if (status >= 500 || status == 408 || status == 429) {
        failed(posting, words);
        return;
    }
    pauses_took(&callbacks->pauses, &posting->url);
    if (status < 200 || status > 299) {
        give_up(posting, words);
        return;
    }
    callbacks->sent++;
    mf_log(MF_LOG_DEBUG, "callback.sent", "call=%s host=%s status=%u", posting->call_id,
           posting->url.host.text, status);
    finish(posting, 0);
}

/* All that wait, in the order in which they came to hand. */
static void post_all(struct callbacks *callbacks)
{
    list_each_safe(at, &callbacks->postings) {
        struct posting *posting = list_of(at, struct posting, link);
        if (room_waits(posting) && callbacks->quiet)
            finish(posting, 1); /* it came too late */
        else if (room_waits(posting))
            post(posting);
    }
}

/* What it says, and where it goes. False: it was given up. */
static bool read_letter(struct posting *posting, uint8_t *head, struct letter_out *letter)
{
    struct mf_why why = {{0}};
    mf_err err = letter_read(posting->letter, posting->bytes, head, letter);
    if (err) {
        give_up(posting, "no letter that this node can read");
        return false;
    }
    memcpy(posting->call_id, letter->call_id, letter->call_id_bytes);
    err = url_parse(letter->url, letter->url_bytes, &posting->url, &why);
    if (err)
        give_up(posting, why.text);
    return !err;
}

static void post(struct posting *posting)
{
    struct callbacks *callbacks = posting->callbacks;
    struct node *node = callbacks->node;
    uint8_t *head = node->scratch;
    struct letter_out letter;
    struct mf_why why = {{0}};
    _Static_assert(sizeof node->scratch >= MF_HEAD_BYTES_MAX, "headers fit");
    if (!read_letter(posting, head, &letter))
        return;
    uint64_t pause_ms = pauses_left_ms(&callbacks->pauses, &posting->url, now_ms(callbacks));
    if (pause_ms) {
        again(posting, pause_ms + randombytes_uniform(MF_CALLBACK_PAUSE_MS_FIRST), "its host does not answer");
        return;
    }
    bool fails = pauses_last_failed(&callbacks->pauses, &posting->url);
    enum room_place place = room_place(posting, fails);
    if (place == ROOM_BACK) {
        again(posting, turns_give_ms(&callbacks->turns, &posting->url, now_ms(callbacks), posting->number,
                                     randombytes_random()),
              "its host takes them too slowly");
        return;
    }
    if (place == ROOM_WAIT) {
        if (mf_monotonic_ns() - posting->taken_ns > MF_CALLBACK_HAND_MS * MF_NS_PER_MS)
            again(posting, MF_CALLBACK_PAUSE_MS_FIRST, "there was no place for it");
        return; /* the end of one on its way looks again, before the lease passes */
    }
    const struct egress_request request = {
        .method = "POST", .method_bytes = 4,
        .url = letter.url, .url_bytes = letter.url_bytes,
        .fields = head, .field_bytes = letter.header_bytes,
        .body = letter.body, .body_bytes = letter.body_bytes,
        .deadline_ns = mf_monotonic_ns() + MF_CALLBACK_MS_MAX * MF_NS_PER_MS,
        .answer_bytes_max = MF_CALLBACK_ANSWER_BYTES_MAX,
        .rule = node->options->callbacks.rule,
        .done = answered, .context = posting};
    posting->begun_ns = mf_monotonic_ns();
    posting->looked_ns = 0;
    posting->fails = fails;
    mf_err err = egress_send(&node->egress, &request, &posting->transfer, &why);
    if (err == MF_EAGAIN || err == MF_ENOMEM)
        again(posting, MF_CALLBACK_PAUSE_MS_FIRST, why.text);
    else if (err)
        give_up(posting, mf_why_text(&why, err));
}
