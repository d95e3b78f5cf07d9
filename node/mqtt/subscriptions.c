/*
 * subscriptions.c: see subscriptions.h.
 * Guarantees: a filter is asked for when its first function comes and left when its last one
 * goes; a message's functions are found without looking at filters that have no wildcard.
 * Leaves to others: what is sent to the broker (intake.c). Owns filters, members, subscribers.
 */
#include "node/mqtt/subscriptions.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "image/topic.h"
#include "node/functions/function.h"

struct member {
    struct link in_filter, in_subscriber;
    struct mqtt_filter *filter;
    struct mqtt_subscriber *subscriber;
    uint8_t qos;
    bool kept; /* while a function's triggers are compared */
};

static void leave(struct mqtt_subscriptions *subscriptions, struct member *member);
static mf_err join(struct mqtt_subscriptions *subscriptions, struct mqtt_subscriber *subscriber,
                   const struct trigger *trigger);

void mqtt_subscriptions_open(struct mqtt_subscriptions *subscriptions,
                             void (*changed)(struct mqtt_subscriptions *subscriptions,
                                             struct mqtt_filter *filter))
{
    for (unsigned i = 0; i < MQTT_BUCKETS; i++)
        link_init(&subscriptions->buckets[i]);
    link_init(&subscriptions->wild);
    link_init(&subscriptions->in_order);
    link_init(&subscriptions->asked);
    link_init(&subscriptions->subscribers);
    subscriptions->count = 0;
    subscriptions->wants = NULL;
    subscriptions->changed = changed;
}

void mqtt_subscriptions_close(struct mqtt_subscriptions *subscriptions)
{
    if (!subscriptions->changed)
        return;
    list_each_safe(at, &subscriptions->subscribers) {
        struct mqtt_subscriber *subscriber = list_of(at, struct mqtt_subscriber, link);
        list_each_safe(each, &subscriber->members)
            free(list_of(each, struct member, in_subscriber));
        free(subscriber);
    }
    list_each_safe(at, &subscriptions->in_order)
        free(list_of(at, struct mqtt_filter, in_order));
    subscriptions->changed = NULL;
}

/* ---- what functions want ---- */

static struct mqtt_subscriber *subscriber_create(struct mqtt_subscriptions *subscriptions,
                                                 struct function *function)
{
    struct mqtt_subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber)
        return NULL;
    link_init(&subscriber->link);
    link_init(&subscriber->members);
    subscriber->function = function;
    subscriber->owner = subscriptions;
    list_append(&subscriptions->subscribers, &subscriber->link);
    return subscriber;
}

static bool wants(const struct mqtt_subscriptions *subscriptions, const struct trigger *trigger)
{
    return trigger->kind == TRIGGER_MQTT && (!subscriptions->wants || subscriptions->wants(trigger));
}

void mqtt_subscriptions_set(struct mqtt_subscriptions *subscriptions, struct function *function,
                            const struct triggers *triggers,
                            struct mqtt_subscriber **subscriber)
{
    struct mqtt_subscriber *self = *subscriber;
    bool any = false;
    for (uint32_t i = 0; triggers && i < triggers->count; i++)
        any |= wants(subscriptions, &triggers->each[i]);
    if (!self && any)
        self = subscriber_create(subscriptions, function);
    if (!self) {
        if (any)
            mf_log(MF_LOG_ERROR, "mqtt.not-subscribed", "fn=%s why=\"out of memory\"", function->name);
        return;
    }
    list_each(at, &self->members)
        list_of(at, struct member, in_subscriber)->kept = false;
    for (uint32_t i = 0; any && i < triggers->count; i++) {
        if (!wants(subscriptions, &triggers->each[i]))
            continue;
        mf_err err = join(subscriptions, self, &triggers->each[i]);
        if (err)
            mf_log(MF_LOG_ERROR, "mqtt.not-subscribed", "fn=%s filter=\"%.200s\" why=\"%s\"",
                   function->name, triggers->each[i].text, mf_err_words(err));
    }
    list_each_safe(at, &self->members) /* after the new ones: what both have is not left */
        if (!list_of(at, struct member, in_subscriber)->kept)
            leave(subscriptions, list_of(at, struct member, in_subscriber));
    if (list_empty(&self->members)) {
        list_remove(&self->link);
        free(self);
        self = NULL;
    }
    *subscriber = self;
}

/* FNV-1a; the same for ever, for the broker keeps what follows from it. */
static uint64_t hash_of(const char *text, size_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3ull;
    return hash ^ hash >> 32;
}

static bool has_wildcard(const char *text, size_t bytes)
{
    return memchr(text, '+', bytes) || memchr(text, '#', bytes);
}

static struct link *shelf_of(struct mqtt_subscriptions *subscriptions, const char *pattern,
                             size_t bytes)
{
    if (has_wildcard(pattern, bytes))
        return &subscriptions->wild;
    return &subscriptions->buckets[hash_of(pattern, bytes) % MQTT_BUCKETS];
}

static mf_err filter_get(struct mqtt_subscriptions *subscriptions, const char *text, size_t bytes,
                         struct mqtt_filter **filter)
{
    size_t prefix;
    mf_err err = topic_shared_prefix(text, bytes, &prefix);
    if (err)
        return err;
    struct link *shelf = shelf_of(subscriptions, text + prefix, bytes - prefix);
    list_each(at, shelf) {
        *filter = list_of(at, struct mqtt_filter, link);
        if ((*filter)->bytes == bytes && memcmp((*filter)->text, text, bytes) == 0)
            return MF_OK;
    }
    if (subscriptions->count >= MF_MQTT_FILTERS_MAX)
        return MF_EFULL;
    struct mqtt_filter *new = calloc(1, sizeof *new + bytes + 1);
    if (!new)
        return MF_ENOMEM;
    memcpy(new->text, text, bytes);
    new->bytes = bytes;
    new->pattern = new->text + prefix;
    new->pattern_bytes = bytes - prefix;
    new->number = 1 + (uint32_t)(hash_of(text, bytes) % 268435455u);
    new->state = FILTER_LEAVING; /* nobody wants it yet */
    link_init(&new->link);
    link_init(&new->in_order);
    link_init(&new->asked);
    link_init(&new->members);
    list_append(shelf, &new->link);
    list_append(&subscriptions->in_order, &new->in_order);
    subscriptions->count++;
    *filter = new;
    return MF_OK;
}

/* Above 1 is not asked for: intake.c says why. */
static uint8_t highest_qos(const struct mqtt_filter *filter)
{
    uint8_t qos = 0;
    list_each(at, &filter->members) {
        const struct member *member = list_of(at, struct member, in_filter);
        qos = member->qos > qos ? member->qos : qos;
    }
    return qos > 1 ? 1 : qos;
}

static void update(struct mqtt_subscriptions *subscriptions, struct mqtt_filter *filter)
{
    uint8_t qos = highest_qos(filter);
    bool wanted = !list_empty(&filter->members), was = filter->state != FILTER_LEAVING;
    if (wanted == was && (!wanted || qos == filter->qos))
        return;
    list_remove(&filter->asked); /* an answer on its way is to another question */
    filter->mid = 0;
    filter->qos = qos;
    filter->state = wanted ? FILTER_NEW : FILTER_LEAVING;
    subscriptions->changed(subscriptions, filter);
}

static mf_err join(struct mqtt_subscriptions *subscriptions, struct mqtt_subscriber *subscriber,
                   const struct trigger *trigger)
{
    struct mqtt_filter *filter;
    mf_err err = filter_get(subscriptions, trigger->text, trigger->text_bytes, &filter);
    if (err)
        return err;
    struct member *member = NULL;
    list_each(at, &subscriber->members)
        if (list_of(at, struct member, in_subscriber)->filter == filter)
            member = list_of(at, struct member, in_subscriber);
    if (!member) {
        member = calloc(1, sizeof *member);
        if (!member) {
            if (list_empty(&filter->members) && !filter->mid)
                mqtt_filter_free(subscriptions, filter);
            return MF_ENOMEM;
        }
        member->filter = filter;
        member->subscriber = subscriber;
        link_init(&member->in_filter);
        link_init(&member->in_subscriber);
        list_append(&filter->members, &member->in_filter);
        list_append(&subscriber->members, &member->in_subscriber);
    }
    member->kept = true;
    member->qos = trigger->qos;
    update(subscriptions, filter);
    return MF_OK;
}

static void leave(struct mqtt_subscriptions *subscriptions, struct member *member)
{
    struct mqtt_filter *filter = member->filter;
    list_remove(&member->in_filter);
    list_remove(&member->in_subscriber);
    free(member);
    update(subscriptions, filter);
}

/* ---- what the broker was told ---- */

mf_err mqtt_subscriptions_known(struct mqtt_subscriptions *subscriptions, const char *text,
                                size_t bytes)
{
    struct mqtt_filter *filter; /* made as one to be left, if nobody wants it */
    mf_err err = topic_filter_check(text, bytes, NULL);
    return err ? err : filter_get(subscriptions, text, bytes, &filter);
}

void mqtt_subscriptions_reset(struct mqtt_subscriptions *subscriptions)
{
    list_each(at, &subscriptions->in_order) {
        struct mqtt_filter *filter = list_of(at, struct mqtt_filter, in_order);
        list_remove(&filter->asked);
        filter->mid = 0;
        if (filter->state != FILTER_LEAVING)
            filter->state = FILTER_NEW;
    }
}

void mqtt_subscriptions_asked(struct mqtt_subscriptions *subscriptions,
                              struct mqtt_filter *filter, int mid)
{
    filter->mid = mid;
    if (filter->state != FILTER_LEAVING)
        filter->state = FILTER_ASKED;
    list_append(&subscriptions->asked, &filter->asked);
}

/* Brokers answer in order, so the first one is it. */
struct mqtt_filter *mqtt_subscriptions_answered(struct mqtt_subscriptions *subscriptions, int mid)
{
    list_each(at, &subscriptions->asked) {
        struct mqtt_filter *filter = list_of(at, struct mqtt_filter, asked);
        if (filter->mid == mid) {
            list_remove(&filter->asked);
            filter->mid = 0;
            return filter;
        }
    }
    return NULL;
}

void mqtt_filter_free(struct mqtt_subscriptions *subscriptions, struct mqtt_filter *filter)
{
    mf_assert(list_empty(&filter->members));
    list_remove(&filter->link);
    list_remove(&filter->in_order);
    list_remove(&filter->asked);
    subscriptions->count--;
    free(filter);
}

/* ---- messages ---- */

static size_t give(struct mqtt_subscriptions *subscriptions, const struct mqtt_filter *filter,
                   void (*visit)(void *context, struct function *function), void *context)
{
    size_t count = 0;
    list_each(at, &filter->members) {
        struct mqtt_subscriber *subscriber = list_of(at, struct member, in_filter)->subscriber;
        if (subscriber->stamp == subscriptions->stamp)
            continue;
        subscriber->stamp = subscriptions->stamp;
        visit(context, subscriber->function);
        count++;
    }
    return count;
}

static bool meant(const struct mqtt_filter *filter, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == filter->number)
            return true;
    return count == 0;
}

size_t mqtt_subscriptions_match(struct mqtt_subscriptions *subscriptions, const char *topic,
                                size_t topic_bytes, const uint32_t *numbers, size_t number_count,
                                void (*visit)(void *context, struct function *function),
                                void *context)
{
    struct link *const shelves[] = {
        &subscriptions->buckets[hash_of(topic, topic_bytes) % MQTT_BUCKETS], &subscriptions->wild};
    size_t count = 0;
    subscriptions->stamp++;
    for (int i = 0; i < 2; i++)
        list_each(at, shelves[i]) {
            const struct mqtt_filter *filter = list_of(at, struct mqtt_filter, link);
            if (meant(filter, numbers, number_count) &&
                topic_filter_takes(filter->pattern, filter->pattern_bytes, topic, topic_bytes))
                count += give(subscriptions, filter, visit, context);
        }
    return count;
}
