/*
 * heir.c: see heir.h.
 * Guarantees: connected only while the lease is held; what is removed here, and wanted elsewhere, stays at the broker.
 * Leaves to others: who holds (lease.c), what is heard (intake.c).
 * Owns heirs, each until the store has answered all that was asked for it.
 */
#include "node/mqtt/heir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/node.h"

#define NODES_KEY "mqtt-nodes/" /* FUNCTION/NODE: its scope, and a hash of its filters */
#define MEMBER_BYTES (MQTT_SCOPE_BYTES + 16)

static void note(struct mqtt_heir *heir);
static void unnote(struct mqtt_heir *heir);
static void decide(struct mqtt_heir *heir);
static void look(struct mqtt_heir *heir);
static void over(struct mqtt_heir *heir);
static void let_go(struct mqtt_heir *heir);
static void lease_changed(struct mqtt_lease *lease);
static void lease_rested(struct mqtt_lease *lease);
static void session_empty(struct mqtt_intake *intake);
static void session_down(struct mqtt_intake *intake);
static void session_rested(struct mqtt_intake *intake);
static void end_session(struct timer *timer, uint64_t now_ns);
static const struct mqtt_intake_parts parts = {session_empty, session_down, session_rested};

static struct store_ask asking(const struct mqtt_heir *heir, store_done done, void *context)
{
    return (struct store_ask){delivery_now_ms(&heir->owner->node->delivery), done, context};
}

struct mqtt_heir *mqtt_heir_create(struct mqtt_heirs *heirs, const char *name)
{
    struct mqtt_heir *heir = calloc(1, sizeof *heir);
    char client[MQTT_CLIENT_BYTES], key[MF_KEY_BYTES_MAX + 1];
    if (!heir)
        return NULL;
    heir->owner = heirs;
    heir->later.fire = end_session;
    link_init(&heir->link);
    (void)snprintf(heir->name, sizeof heir->name, "%s", name);
    (void)snprintf(heir->role, sizeof heir->role, "in:%s", name);
    (void)snprintf(client, sizeof client, "mayfly-%s-%s", heirs->scope, name);
    (void)snprintf(key, sizeof key, "mqtt/%s/lease", client);
    if (mqtt_intake_open(&heir->intake, heirs->node, heirs->broker, client, heirs->me, heir->role, false) != MF_OK) {
        mqtt_intake_close(&heir->intake);
        free(heir);
        return NULL;
    }
    heir->intake.parts = &parts;
    heir->intake.lease = &heir->lease;
    heir->intake.link.inherited = true;
    heir->intake.subscriptions.wants = mqtt_heirs_want;
    mqtt_lease_open(&heir->lease, heirs->node, heirs->space, key, heirs->me);
    heir->lease.changed = lease_changed;
    heir->lease.rested = lease_rested;
    list_append(&heirs->list, &heir->link);
    return heir;
}

/* The same for the same filters, in whatever order. */
static uint64_t hash_of(const struct triggers *triggers)
{
    uint64_t sum = 0, each;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    for (uint32_t i = 0; i < triggers->count; i++) {
        if (!mqtt_heirs_want(&triggers->each[i]))
            continue;
        (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)triggers->each[i].text,
                                 triggers->each[i].text_bytes, NULL, 0);
        memcpy(&each, hash, sizeof each);
        sum += each;
    }
    return sum;
}

void mqtt_heir_attach(struct mqtt_heir *heir, struct function *function, const struct triggers *triggers)
{
    heir->function = function;
    function->heir = heir;
    heir->alone = false;
    timer_stop(&heir->owner->node->loop.timers, &heir->later);
    heir->filters = hash_of(triggers);
    mqtt_subscriptions_set(&heir->intake.subscriptions, function, triggers, &heir->subscriber);
    note(heir);
    look(heir);
    mqtt_lease_want(&heir->lease);
    decide(heir);
}

/* The function goes. */
void mqtt_heir_forget(struct mqtt_heir *heir)
{
    struct function *function = heir->function;
    function->heir = NULL;
    heir->function = NULL;
    mqtt_subscriptions_set(&heir->intake.subscriptions, function, NULL, &heir->subscriber);
}

/* The link first: nothing is left at the broker before it is known that nobody wants it. Of several nodes that
 * do so at once one deletes its note last, sees no other's, and gets the lease when the others have let go. */
void mqtt_heir_detach(struct mqtt_heir *heir)
{
    mqtt_intake_pause(&heir->intake);
    mqtt_heir_forget(heir);
    unnote(heir);
    heir->stale = heir->looking;
    decide(heir);
}

void mqtt_heir_quiet(struct mqtt_heir *heir)
{
    mqtt_intake_quiet(&heir->intake);
    mqtt_lease_give(&heir->lease);
}

void mqtt_heir_close(struct mqtt_heir *heir)
{
    if (heir->function)
        mqtt_heir_forget(heir);
    if (!heir->over)
        over(heir);
    timer_stop(&heir->owner->node->loop.timers, &heir->later); /* no more turns */
    let_go(heir);
}

static void decide(struct mqtt_heir *heir)
{
    if (heir->over || heir->owner->quiet)
        return;
    if (heir->function && !heir->noted)
        note(heir);
    if (heir->lease.state == LEASE_HELD && (heir->function || heir->alone))
        mqtt_intake_begin(&heir->intake);
    else
        mqtt_intake_pause(&heir->intake);
    if (!heir->function && !heir->alone)
        look(heir);
}

static void lease_changed(struct mqtt_lease *lease)
{
    struct mqtt_heir *heir = list_of(lease, struct mqtt_heir, lease);
    if (lease->state == LEASE_HELD || heir->intake.hears)
        mf_log(MF_LOG_INFO, lease->state == LEASE_HELD ? "mqtt.hears" : "mqtt.hears-no-more", "fn=%s client=%s",
               heir->name, heir->intake.link.client);
    if (lease->state != LEASE_HELD)
        heir->alone = false; /* perhaps no more */
    decide(heir);
}

/* ---- who else has the function ---- */

static void member_key(const struct mqtt_heir *heir, char key[static MF_KEY_BYTES_MAX + 1])
{
    (void)snprintf(key, MF_KEY_BYTES_MAX + 1, NODES_KEY "%s/%s", heir->name, heir->owner->me);
}

static void noted(void *context, const struct store_answer *answer)
{
    struct mqtt_heir *heir = context;
    heir->operations--;
    heir->noted &= !answer->err;
    let_go(heir);
}

/* In the store: this node has the function, and wants to hear these. */
static void note(struct mqtt_heir *heir)
{
    char key[MF_KEY_BYTES_MAX + 1], text[MEMBER_BYTES];
    const struct store_ask ask = asking(heir, noted, heir);
    member_key(heir, key);
    (void)snprintf(text, sizeof text, "%s%016llx", heir->owner->scope, (unsigned long long)heir->filters);
    heir->noted = space_set(heir->owner->space, (struct store_bytes){key, strlen(key)},
                            (struct store_bytes){text, strlen(text)}, 0, &ask) == MF_OK;
    heir->operations += heir->noted;
}

static void unnote(struct mqtt_heir *heir)
{
    char key[MF_KEY_BYTES_MAX + 1];
    const struct store_ask ask = asking(heir, NULL, NULL);
    member_key(heir, key);
    heir->noted = false;
    if (space_delete(heir->owner->space, (struct store_bytes){key, strlen(key)}, &ask) != MF_OK)
        mf_log(MF_LOG_WARN, "mqtt.note-stays", "fn=%s", heir->name);
}

/* Another node's note. True: it shares this session. */
static bool compare_member(const struct mqtt_heir *heir, const struct space_pair *pair)
{
    const size_t scope = MQTT_SCOPE_BYTES - 1, prefix = sizeof NODES_KEY + strlen(heir->name);
    char ours[MEMBER_BYTES];
    const char *node = (const char *)pair->key.data + prefix;
    int node_bytes = (int)(pair->key.bytes - prefix);
    if (pair->value.bytes != sizeof ours - 1 || !settings_name_valid(node, (size_t)node_bytes))
        return false; /* none of ours */
    (void)snprintf(ours, sizeof ours, "%s%016llx", heir->owner->scope, (unsigned long long)heir->filters);
    bool same_scope = memcmp(pair->value.data, ours, scope) == 0;
    if (heir->function && !same_scope)
        mf_log(MF_LOG_WARN, "mqtt.other-broker", "fn=%s node=%.*s why=\"it names its broker otherwise, so each makes "
               "an event of a message; with the same --mqtt one does\"", heir->name, node_bytes, node);
    else if (heir->function && memcmp(pair->value.data, ours, sizeof ours - 1) != 0)
        mf_log(MF_LOG_WARN, "mqtt.other-filters", "fn=%s node=%.*s why=\"one of the two hears, by its own filters, "
               "until the function is the same there\"", heir->name, node_bytes, node);
    return same_scope;
}

static void looked(void *context, const struct store_answer *answer)
{
    struct mqtt_heir *heir = context;
    char own[MF_KEY_BYTES_MAX + 1];
    bool others = answer->err != MF_OK || answer->more; /* who does not know leaves it there */
    heir->operations--;
    heir->looking = false;
    const bool stale = heir->stale;
    heir->stale = false;
    if (stale && !heir->over && !heir->function)
        look(heir);
    member_key(heir, own);
    for (size_t i = 0; i < answer->count && !heir->over; i++) {
        const struct space_pair *pair = &answer->pairs[i];
        if (pair->key.bytes != strlen(own) || memcmp(pair->key.data, own, strlen(own)) != 0)
            others |= compare_member(heir, pair);
    }
    if (!heir->over && !heir->function && !stale) {
        heir->alone = !others;
        if (others)
            over(heir);
        else
            decide(heir);
    }
    let_go(heir);
}

static void look(struct mqtt_heir *heir)
{
    char prefix[MF_KEY_BYTES_MAX + 1];
    const struct store_ask ask = asking(heir, looked, heir);
    if (heir->looking)
        return;
    (void)snprintf(prefix, sizeof prefix, NODES_KEY "%s/", heir->name);
    mf_err err = space_scan(heir->owner->space, (struct store_bytes){prefix, strlen(prefix)}, (struct store_bytes){0},
                            MF_SCAN_COUNT_MAX, MF_SCAN_BYTES_MAX, true, &ask);
    heir->looking = !err;
    heir->operations += !err;
    if (err && !heir->function)
        over(heir);
}

/* ---- its end ---- */

static void session_empty(struct mqtt_intake *intake)
{
    struct mqtt_heir *heir = list_of(intake, struct mqtt_heir, intake);
    if (heir->alone)
        timer_set(&heir->owner->node->loop.timers, &heir->later, mf_monotonic_ns());
}

static void end_session(struct timer *timer, uint64_t now_ns)
{
    struct mqtt_heir *heir = list_of(timer, struct mqtt_heir, later);
    (void)now_ns;
    if (!heir->over) {
        heir->intake.link.forgets = true;
        over(heir);
    }
    let_go(heir);
}

/* Freed later: a callback of lease or intake may be under way. */
static void over(struct mqtt_heir *heir)
{
    struct timers *timers = &heir->owner->node->loop.timers;
    heir->over = true;
    list_append(&heir->owner->ended, &heir->link);
    mqtt_lease_give(&heir->lease);
    mqtt_intake_close(&heir->intake);
    mqtt_counts_add(&heir->owner->ended_counts, &heir->intake.counts);
    timer_set(timers, &heir->later, mf_monotonic_ns());
}

static void let_go(struct mqtt_heir *heir)
{
    if (!heir->over || heir->later.armed || heir->operations || heir->lease.operations ||
        !mqtt_intake_rests(&heir->intake))
        return;
    list_remove(&heir->link);
    free(heir);
}

static void lease_rested(struct mqtt_lease *lease)
{
    let_go(list_of(lease, struct mqtt_heir, lease));
}

static void session_rested(struct mqtt_intake *intake)
{
    let_go(list_of(intake, struct mqtt_heir, intake));
}

static void session_down(struct mqtt_intake *intake)
{
    mqtt_lease_doubt(&list_of(intake, struct mqtt_heir, intake)->lease); /* taken over, perhaps */
}
