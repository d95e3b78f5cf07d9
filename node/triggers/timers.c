/*
 * timers.c: `every` and `cron`: one event for each due time.
 *
 * A note in the store says up to when a timer has run. To run is to compare that note, to write
 * the new one and to append the event, in one step: so a due time has its event once, whoever is
 * killed when, and however many nodes share the store.
 *
 * Guarantees: nothing wakes between due times, unless somebody sets the clock. A run that was
 * missed is made up for once, or not at all, as `missed` says. No two events of a timer have one id,
 * wherever the clock is set.
 * Leaves to others: when that is (schedule.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/delivery.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/triggers/activation.h"
#include "node/triggers/schedule.h"

#define TYPE "mayfly.timer"
#define NOTE_BYTES (sizeof "timer//" + MF_NAME_BYTES_MAX + EVENT_ID_BYTES)

static void woken(struct watch *watch, uint32_t events);
static void due(struct timer *timer, uint64_t now_ns);
static void try_again(struct timer *timer, uint64_t now_ns);
static void noted(void *context, const struct store_answer *answer);
static void arm(struct activation *activation);
static void run(struct activation *activation);
static void ran(void *context, const struct store_answer *answer);
static void trouble(struct activation *activation, mf_err err);

static uint64_t wall_ms(void)
{
    return mf_realtime_ns() / MF_NS_PER_MS;
}

/* ---- the wall clock ---- */

mf_err timers_open(struct triggering *triggering, struct mf_why *why)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "no timer of the wall clock: %s", strerror(errno));
    mf_err err = watch_add(&triggering->node->loop.watcher, &triggering->clock, fd, EPOLLIN, woken);
    if (err)
        (void)close(fd);
    return err ? mf_why(why, err, "the wall clock cannot be watched") : MF_OK;
}

void timers_close(struct triggering *triggering)
{
    int fd = triggering->clock.fd;
    if (fd < 0)
        return;
    watch_remove(&triggering->node->loop.watcher, &triggering->clock);
    (void)close(fd);
}

/* To the first that is due; a clock that is set ends the wait, too. */
static void set_clock(struct triggering *triggering)
{
    uint64_t at_ns = timers_next(&triggering->due);
    struct itimerspec when = {0};
    if (triggering->clock.fd < 0)
        return;
    if (at_ns != TIMER_NEVER)
        when.it_value = (struct timespec){.tv_sec = (time_t)(at_ns / MF_NS_PER_S),
                                          .tv_nsec = (long)(at_ns % MF_NS_PER_S)};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    if (timerfd_settime(triggering->clock.fd, flags, &when, NULL) != 0 && errno == ECANCELED) {
        triggering->clock_set = true; /* just now, and no read will tell: wake at once */
        when.it_value = (struct timespec){.tv_nsec = 1};
        (void)timerfd_settime(triggering->clock.fd, flags, &when, NULL);
    }
}

static void arm_anew(struct function *function, void *context)
{
    (void)context;
    list_each_safe(at, &function->triggers) {
        struct activation *activation = list_of(at, struct activation, link);
        if (activation->state == ACTIVATION_WAITING && activation->timer.armed)
            arm(activation);
    }
}

static void woken(struct watch *watch, uint32_t events)
{
    struct triggering *triggering = list_of(watch, struct triggering, clock);
    uint64_t expirations;
    (void)events;
    bool set = read(watch->fd, &expirations, sizeof expirations) < 0 && errno == ECANCELED;
    if (set || triggering->clock_set) {
        triggering->clock_set = false;
        timers_clock_set(&triggering->due, mf_realtime_ns());
        mf_log(MF_LOG_INFO, "clock.set", "now=%llu", (unsigned long long)wall_ms());
        registry_each(&triggering->node->registry, arm_anew, NULL);
    }
    if (!triggering->quiet)
        (void)timers_fire(&triggering->due, mf_realtime_ns());
    set_clock(triggering);
}

/* ---- a timer's life ---- */

/* Of the trigger itself, so that it stays the same in another place of the list. */
static void note_key(const struct activation *activation, char key[static NOTE_BYTES])
{
    const struct trigger *trigger = &activation->trigger;
    const struct event_text texts[] = {{trigger_kind_name(trigger->kind), strlen(trigger_kind_name(trigger->kind))},
                                       {trigger->text, trigger->text_bytes},
                                       {trigger->timezone, strlen(trigger->timezone)}};
    char id[EVENT_ID_BYTES];
    event_id_derive(texts, 3, id);
    (void)snprintf(key, NOTE_BYTES, "timer/%s/%s", activation->name, id);
}

/* Where in its interval a timer of `every` stands: not all of a machine's at once, and each at
 * the same place on every node. */
static uint32_t phase_of(const struct activation *activation)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *c = activation->name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return hash % activation->trigger.every_ms;
}

static struct schedule schedule_of(const struct activation *activation)
{
    bool every = activation->trigger.kind == TRIGGER_EVERY;
    return (struct schedule){&activation->trigger, activation->zone, every ? phase_of(activation) : 0};
}

void timer_begin(struct activation *activation)
{
    struct triggering *triggering = activation->owner;
    struct mf_why why = {{0}};
    mf_err err = MF_OK;
    activation->timer.fire = due;
    activation->retry.fire = try_again;
    if (activation->trigger.kind == TRIGGER_CRON)
        err = zone_get(&triggering->zones, activation->trigger.timezone, &activation->zone, &why);
    if (err)
        mf_log(MF_LOG_ERROR, "trigger.none", "fn=%s why=\"%s\"", activation->name, mf_why_text(&why, err));
    else
        try_again(&activation->retry, 0);
}

void timer_end(struct activation *activation, bool forget)
{
    const struct delivery *delivery = &activation->owner->node->delivery;
    char key[NOTE_BYTES];
    timer_stop(&activation->owner->due, &activation->timer);
    timer_stop(&activation->owner->node->loop.timers, &activation->retry);
    set_clock(activation->owner);
    note_key(activation, key);
    if (!forget || !delivery->own)
        return;
    const struct store_ask ask = {delivery_now_ms(delivery), NULL, NULL};
    if (space_delete(delivery->own, (struct store_bytes){key, strlen(key)}, &ask))
        mf_log(MF_LOG_WARN, "trigger.note-stays", "fn=%s", activation->name);
}

/* The first time: from now on. Else its note is there, which says since when. */
static void try_again(struct timer *timer, uint64_t now_ns)
{
    struct activation *activation = list_of(timer, struct activation, retry);
    struct delivery *delivery = &activation->owner->node->delivery;
    char key[NOTE_BYTES], now[TIMER_NOTE_BYTES];
    (void)now_ns;
    if (activation->noted) {
        arm(activation);
        return;
    }
    activation->state = ACTIVATION_NOTING;
    activation->note = (struct timer_note){.last_ms = wall_ms()};
    note_key(activation, key);
    size_t bytes = timer_note_write(&activation->note, now);
    const struct store_ask ask = {delivery_now_ms(delivery), noted, activation};
    mf_err err = delivery->own && !activation->owner->quiet
                     ? space_compare_and_set(delivery->own, (struct store_bytes){key, strlen(key)}, NULL,
                                             (struct store_bytes){now, bytes}, 0, &ask)
                     : MF_EDEAD;
    if (err)
        trouble(activation, err);
    else
        activation->operations++;
}

/* What the store says is there. */
static void learn(struct activation *activation, struct store_bytes value)
{
    activation->noted = true;
    activation->note = timer_note_read(value);
    activation->by_others = activation->owner->node->delivery.shared;
}

static void noted(void *context, const struct store_answer *answer)
{
    struct activation *activation = context;
    activation->operations--;
    if (!activation->function) {
        activation_let_go(activation);
        return;
    }
    if (answer->err == MF_EEXIST)
        learn(activation, answer->value);
    else if (answer->err) {
        trouble(activation, answer->err);
        return;
    }
    activation->noted = true;
    arm(activation);
}

static void wait_for(struct activation *activation)
{
    bool ever = activation->due_ms < UINT64_MAX / MF_NS_PER_MS;
    activation->state = ACTIVATION_WAITING;
    timer_set(&activation->owner->due, &activation->timer,
              ever ? activation->due_ms * MF_NS_PER_MS : TIMER_NEVER);
    set_clock(activation->owner);
}

/* When next? At once, if a run is late, or was missed and is to be made up for. */
static void arm(struct activation *activation)
{
    const struct schedule schedule = schedule_of(activation);
    activation->due_ms = schedule_due(&schedule, activation->note.last_ms, wall_ms(), activation->by_others);
    wait_for(activation);
}

static void due(struct timer *timer, uint64_t now_ns)
{
    struct activation *activation = list_of(timer, struct activation, timer);
    uint64_t now_ms = now_ns / MF_NS_PER_MS;
    /* After a sleep of the machine it may be much later: then what arm() would say. */
    if (now_ms > activation->due_ms + MF_TIMER_LATE_MS && !activation->trigger.once)
        arm(activation);
    else
        run(activation);
}

/* ---- a run ---- */

static mf_err make_event(struct activation *activation, struct occurrence *occurrence)
{
    const struct trigger *trigger = &activation->trigger;
    char when[TIMER_NOTE_BYTES], source[MF_NAME_BYTES_MAX + 16];
    (void)snprintf(source, sizeof source, "/functions/%s", activation->name);
    const struct timer_note note = timer_note_after(&activation->note, activation->due_ms);
    size_t bytes = timer_note_write(&note, when);
    const struct event_text texts[] = {{"timer", 5},
                                       {activation->name, strlen(activation->name)},
                                       {trigger_kind_name(trigger->kind), strlen(trigger_kind_name(trigger->kind))},
                                       {trigger->text, trigger->text_bytes},
                                       {trigger->timezone, strlen(trigger->timezone)},
                                       {when, bytes}};
    mf_err err = occurrence_init(occurrence, TYPE, source, activation->due_ms);
    if (!err)
        err = cloudevent_set(&occurrence->event, "subject", (struct event_text){trigger->text, trigger->text_bytes},
                             NULL);
    return err ? err : occurrence_finish(occurrence, texts, sizeof texts / sizeof texts[0], 0);
}

/* The note, if it is still as we know it, and the event. */
static mf_err note_and_append(struct activation *activation, const struct occurrence *occurrence)
{
    const struct delivery *delivery = &activation->owner->node->delivery;
    const struct store_ask ask = {delivery_now_ms(delivery), ran, activation};
    struct store_also also = {.event = {occurrence->envelope, occurrence->bytes}};
    const struct timer_note note = timer_note_after(&activation->note, activation->due_ms);
    char key[NOTE_BYTES], was[TIMER_NOTE_BYTES], is[TIMER_NOTE_BYTES];
    mf_err err = delivery_target(activation->function, NULL, &also.queue, &also.priority);
    if (err)
        return err;
    note_key(activation, key);
    const struct store_bytes expected = {was, timer_note_write(&activation->note, was)};
    const struct store_bytes written = {is, timer_note_write(&note, is)};
    err = space_compare_and_set_beside(delivery->own, (struct store_bytes){key, strlen(key)},
                                       activation->noted ? &expected : NULL, written, 0,
                                       &(struct store_beside){&also, 1}, &ask);
    queue_put(also.queue);
    return err;
}

static void run(struct activation *activation)
{
    struct occurrence occurrence;
    if (activation->function->stopped) { /* as if it had not been due */
        const struct schedule schedule = schedule_of(activation);
        activation->due_ms = schedule_next(&schedule, activation->due_ms);
        wait_for(activation);
        return;
    }
    mf_err err = activation->owner->quiet ? MF_EDEAD : make_event(activation, &occurrence);
    activation->state = ACTIVATION_RUNNING;
    if (!err) {
        err = note_and_append(activation, &occurrence);
        activation->event_bytes = occurrence.bytes;
        occurrence_close(&occurrence);
    }
    if (err)
        trouble(activation, err);
    else
        activation->operations++;
}

static void ran(void *context, const struct store_answer *answer)
{
    struct activation *activation = context;
    activation->operations--;
    if (!activation->function) {
        activation_let_go(activation);
        return;
    }
    if (!answer->err) {
        activation->trouble = 0;
        activation->noted = true;
        activation->note = timer_note_after(&activation->note, activation->due_ms);
        activation->by_others = false;
        delivery_appended(activation->function, activation->event_bytes);
        arm(activation);
    } else if (answer->err == MF_EEXIST) { /* another node's run */
        learn(activation, answer->value);
        arm(activation);
    } else if (answer->err == MF_ENOENT && activation->noted) { /* another node's function was removed */
        activation->noted = false;
        run(activation);
    } else {
        trouble(activation, answer->err);
    }
}

/* The store is away, or the function's queue full: later; then the last due time counts. */
static void trouble(struct activation *activation, mf_err err)
{
    struct triggering *triggering = activation->owner;
    uint64_t delay_ms = MF_TRIGGER_RETRY_MS_FIRST;
    for (uint32_t i = 0; i < activation->trouble && delay_ms < MF_TRIGGER_RETRY_MS_MAX; i++)
        delay_ms *= 2;
    activation->state = ACTIVATION_TROUBLE;
    if (triggering->quiet)
        return;
    if (activation->trouble++ == 0)
        function_log_node(activation->function->log, MF_LOG_WARN, 0, "trigger %s %s: no event could be made: %s",
                          trigger_kind_name(activation->trigger.kind), activation->trigger.text,
                          err == MF_EFULL ? "its queue, or the disk, is full" : mf_err_words(err));
    if (delay_ms > MF_TRIGGER_RETRY_MS_MAX)
        delay_ms = MF_TRIGGER_RETRY_MS_MAX;
    timer_set(&triggering->node->loop.timers, &activation->retry, mf_monotonic_ns() + delay_ms * MF_NS_PER_MS);
}
