/*
 * lease.c: see lease.h.
 * Guarantees: HELD ends when the store says so, or has said nothing for as long as the lease is. All
 * leases of a node are renewed at the same moments, so an idle node wakes once for all of them.
 * Leaves to others: what a holder does.
 */
#include "node/mqtt/lease.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/delivery.h"
#include "node/node.h"

#define HOPS_MAX 4u

static void fired(struct timer *timer, uint64_t now_ns);
static void ask(struct mqtt_lease *lease);
static void answered(void *context, const struct store_answer *answer);
static void given(void *context, const struct store_answer *answer);
static void checked(void *context, const struct store_answer *answer);

void mqtt_lease_open(struct mqtt_lease *lease, struct node *node, struct space *space, const char *key,
                     const char *me)
{
    uint8_t token[MQTT_LEASE_TOKEN_BYTES];
    char hex[2 * MQTT_LEASE_TOKEN_BYTES + 1];
    lease->node = node;
    lease->space = space;
    lease->timer.fire = fired;
    lease->state = LEASE_OFF;
    (void)snprintf(lease->key, sizeof lease->key, "%s", key);
    randombytes_buf(token, sizeof token);
    (void)snprintf(lease->text, sizeof lease->text, "%s %s", me,
                   sodium_bin2hex(hex, sizeof hex, token, sizeof token));
}

void mqtt_lease_want(struct mqtt_lease *lease)
{
    if (lease->state != LEASE_OFF)
        return;
    lease->state = LEASE_ASKING;
    ask(lease);
}

void mqtt_lease_doubt(struct mqtt_lease *lease)
{
    if (lease->state != LEASE_OFF)
        ask(lease);
}

/* ---- the store ---- */

static struct store_bytes bytes_of(const char *text)
{
    return (struct store_bytes){text, strlen(text)};
}

/* "Whoever has `expected` there (NULL: nothing) has us instead." */
static mf_err compare(struct mqtt_lease *lease, const char *expected, uint64_t life_ms, store_done done,
                      void *context)
{
    const struct store_ask question = {delivery_now_ms(&lease->node->delivery), done, context};
    const struct store_bytes was = bytes_of(expected ? expected : "");
    mf_err err = space_compare_and_set(lease->space, bytes_of(lease->key), expected ? &was : NULL,
                                       bytes_of(lease->text), life_ms, &question);
    lease->operations += !err;
    return err;
}

static void ended(struct mqtt_lease *lease)
{
    if (--lease->operations == 0 && lease->rested)
        lease->rested(lease);
}

/* At the next moment that is a multiple of the beat. */
static void wait_a_beat(struct mqtt_lease *lease)
{
    const uint64_t beat_ns = MF_MQTT_LEASE_BEAT_MS * MF_NS_PER_MS;
    timer_set(&lease->node->loop.timers, &lease->timer, (mf_monotonic_ns() / beat_ns + 1) * beat_ns);
}

static void hold(struct mqtt_lease *lease, uint64_t asked_ns)
{
    bool held = lease->state == LEASE_HELD;
    lease->state = LEASE_HELD;
    lease->before[0] = 0;
    lease->until_ns = asked_ns + MF_MQTT_LEASE_MS * MF_NS_PER_MS;
    if (!held)
        lease->changed(lease);
}

static void lose(struct mqtt_lease *lease)
{
    lease->state = LEASE_WAITING;
    lease->changed(lease);
}

/* As it is in the store by now: others see its end. */
static void give_back(struct mqtt_lease *lease)
{
    if (compare(lease, lease->text, 1, given, lease) != MF_OK)
        mf_log(MF_LOG_INFO, "mqtt.lease-runs-out", "key=\"%s\"", lease->key);
}

void mqtt_lease_give(struct mqtt_lease *lease)
{
    bool held = lease->state == LEASE_HELD;
    if (lease->state == LEASE_OFF)
        return;
    timer_stop(&lease->node->loop.timers, &lease->timer);
    lease->state = LEASE_OFF;
    if (held)
        give_back(lease);
}

/* Wanted again meanwhile? What was answered in between may be no longer so. */
static void given(void *context, const struct store_answer *answer)
{
    struct mqtt_lease *lease = context;
    (void)answer;
    ask(lease);
    ended(lease);
}

static void ask(struct mqtt_lease *lease)
{
    if (lease->asking || lease->state == LEASE_OFF)
        return;
    const char *expected = lease->state == LEASE_HELD ? lease->text : lease->before[0] ? lease->before : NULL;
    lease->asked_ns = mf_monotonic_ns();
    lease->asking = compare(lease, expected, MF_MQTT_LEASE_MS, answered, lease) == MF_OK;
    wait_a_beat(lease); /* the store may be away */
}

static void fired(struct timer *timer, uint64_t now_ns)
{
    struct mqtt_lease *lease = list_of(timer, struct mqtt_lease, timer);
    if (lease->state == LEASE_HELD && now_ns >= lease->until_ns)
        lose(lease); /* and it may have been given up for that */
    lease->hops = 0;
    if (lease->state != LEASE_OFF)
        wait_a_beat(lease);
    ask(lease);
}

/* Of this node: `text` up to its token. */
static bool is_ours(const struct mqtt_lease *lease, struct store_bytes value)
{
    size_t name = (size_t)(strchr(lease->text, ' ') + 1 - lease->text);
    return value.bytes > name && value.bytes < sizeof lease->before && memcmp(value.data, lease->text, name) == 0 &&
           !memchr(value.data, 0, value.bytes);
}

/* Somebody's, whom we did not expect. */
static void found(struct mqtt_lease *lease, struct store_bytes value)
{
    lease->before[0] = 0;
    if (lease->state == LEASE_HELD || !is_ours(lease, value)) {
        lose(lease);
        return;
    }
    memcpy(lease->before, value.data, value.bytes); /* no other node has our name: a life of ours that is over */
    lease->before[value.bytes] = 0;
    if (lease->hops++ < HOPS_MAX)
        ask(lease);
}

/* Which we expected; nobody's now. */
static void vanished(struct mqtt_lease *lease)
{
    lease->before[0] = 0;
    if (lease->state == LEASE_HELD)
        lose(lease);
    if (lease->hops++ < HOPS_MAX)
        ask(lease);
}

static void answered(void *context, const struct store_answer *answer)
{
    struct mqtt_lease *lease = context;
    bool off = lease->state == LEASE_OFF;
    lease->asking = false;
    if (off && !answer->err) /* given up meanwhile */
        give_back(lease);
    else if (!off && !answer->err)
        hold(lease, lease->asked_ns);
    else if (!off && answer->err == MF_EEXIST)
        found(lease, answer->value);
    else if (!off && answer->err == MF_ENOENT)
        vanished(lease);
    ended(lease);
}

/* ---- a holder makes sure ---- */

mf_err mqtt_lease_check(struct mqtt_lease *lease, struct mqtt_lease_check *check)
{
    if (lease->state != LEASE_HELD)
        return MF_EEXIST;
    check->lease = lease;
    check->asked_ns = mf_monotonic_ns();
    return compare(lease, lease->text, MF_MQTT_LEASE_MS, checked, check);
}

static void checked(void *context, const struct store_answer *answer)
{
    struct mqtt_lease_check *check = context;
    struct mqtt_lease *lease = check->lease;
    bool not_ours = answer->err == MF_EEXIST || answer->err == MF_ENOENT;
    if (!answer->err && lease->state == LEASE_HELD)
        hold(lease, check->asked_ns);
    else if (not_ours && lease->state == LEASE_HELD)
        lose(lease);
    check->done(check, not_ours ? MF_EEXIST : answer->err);
    ended(lease);
}
