/*
 * session.c: see session.h.
 * Guarantees: what is read back is checked; a damaged record is passed over.
 * Owns the space.
 */
#include "node/mqtt/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define KEY_BYTES (sizeof((struct mqtt_session *)0)->prefix + sizeof((struct mqtt_session *)0)->ring + 16)
_Static_assert(KEY_BYTES <= MF_KEY_BYTES_MAX, "the store takes it");

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they are");

/* A batch, as it is kept: its number, then as many struct mqtt_seen as fill the value. */
struct record {
    struct link link;
    uint64_t number;
    size_t count;
    struct mqtt_seen seen[];
};

static void loaded(void *context, const struct store_answer *answer);

mf_err mqtt_session_open(struct mqtt_session *session, struct store *store, const char *client,
                         const char *me, struct mqtt_subscriptions *subscriptions,
                         void (*done)(struct mqtt_session *session, mf_err err))
{
    const struct space_settings settings = {.durability = STORE_POWER_LOSS};
    link_init(&session->loading);
    session->subscriptions = subscriptions;
    session->loaded = done;
    (void)snprintf(session->prefix, sizeof session->prefix, "mqtt/%s/", client);
    if (me)
        (void)snprintf(session->ring, sizeof session->ring, "%s/", me);
    return space_get(store, MQTT_TENANT, &settings, &session->space);
}

static void forget_records(struct mqtt_session *session)
{
    list_each_safe(at, &session->loading) {
        list_remove(at);
        free(list_of(at, struct record, link));
    }
    mf_buf_close(&session->last_key);
}

void mqtt_session_close(struct mqtt_session *session)
{
    if (!session->space)
        return;
    forget_records(session);
    space_put(session->space);
    session->space = NULL;
}

/* ---- reading what was kept ---- */

mf_err mqtt_session_load(struct mqtt_session *session, uint64_t now_ms)
{
    const struct store_ask ask = {now_ms, loaded, session};
    session->load_ms = now_ms;
    return space_scan(session->space,
                      (struct store_bytes){session->prefix, strlen(session->prefix)},
                      (struct store_bytes){session->last_key.data, session->last_key.bytes},
                      MF_SCAN_COUNT_MAX, SIZE_MAX, true, &ask);
}

/* Records come by their names, and are wanted by their numbers. */
static mf_err take_record(struct mqtt_session *session, struct store_bytes value)
{
    uint64_t number;
    size_t count = value.bytes < sizeof number ? 0 : (value.bytes - sizeof number) / sizeof(struct mqtt_seen);
    if (count == 0 || count > MF_MQTT_BATCH_MAX ||
        value.bytes != sizeof number + count * sizeof(struct mqtt_seen))
        return MF_OK; /* none of ours */
    struct record *record = calloc(1, sizeof *record + count * sizeof(struct mqtt_seen));
    if (!record)
        return MF_ENOMEM;
    memcpy(&record->number, value.data, sizeof number);
    memcpy(record->seen, (const uint8_t *)value.data + sizeof number,
           count * sizeof(struct mqtt_seen));
    record->count = count;
    link_init(&record->link);
    struct link *after = session->loading.prev;
    while (after != &session->loading && list_of(after, struct record, link)->number > record->number)
        after = after->prev;
    list_prepend(after, &record->link);
    return MF_OK;
}

static mf_err take_pair(struct mqtt_session *session, const struct space_pair *pair)
{
    size_t prefix = strlen(session->prefix);
    if (pair->key.bytes <= prefix + 2)
        return MF_OK;
    const char *name = (const char *)pair->key.data + prefix;
    if (memcmp(name, "s/", 2) == 0)
        return take_record(session, pair->value);
    if (memcmp(name, "f/", 2) == 0 &&
        mqtt_subscriptions_known(session->subscriptions, pair->value.data, pair->value.bytes) == MF_ENOMEM)
        return MF_ENOMEM;
    return MF_OK;
}

void mqtt_session_kept(struct mqtt_session *session, const struct mqtt_seen *seen)
{
    session->seen[session->count++ % MF_MQTT_SEEN_MAX] = *seen;
}

static void take_all(struct mqtt_session *session)
{
    session->count = session->batch = 0;
    list_each(at, &session->loading) {
        const struct record *record = list_of(at, struct record, link);
        for (size_t i = 0; i < record->count; i++)
            mqtt_session_kept(session, &record->seen[i]);
        session->batch = record->number + 1;
    }
    if (session->ring[0]) /* whose heir we are may be about to write one more, which counts for less than ours */
        session->batch++;
}

static void loaded(void *context, const struct store_answer *answer)
{
    struct mqtt_session *session = context;
    mf_err err = session->space ? answer->err : MF_EDEAD; /* closed meanwhile */
    for (size_t i = 0; !err && i < answer->count; i++)
        err = take_pair(session, &answer->pairs[i]);
    if (!err && answer->more && answer->count) {
        const struct store_bytes last = answer->pairs[answer->count - 1].key;
        session->last_key.bytes = 0;
        err = mf_buf_add(&session->last_key, last.data, last.bytes);
        if (!err)
            err = mqtt_session_load(session, session->load_ms);
        if (!err)
            return;
    }
    if (!err)
        take_all(session);
    forget_records(session);
    session->loaded(session, err);
}

/* ---- messages ---- */

static uint64_t hash_of(const struct mqtt_incoming *incoming)
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    uint64_t number;
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    (void)crypto_generichash_update(&state, (const uint8_t *)incoming->topic,
                                    strlen(incoming->topic) + 1);
    (void)crypto_generichash_update(&state, incoming->payload, incoming->bytes);
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    memcpy(&number, hash, sizeof number);
    return number;
}

static void draw_id(struct mqtt_session *session, uint8_t id[MQTT_ID_BYTES])
{
    if (session->undealt == 0) {
        randombytes_buf(session->drawn, sizeof session->drawn);
        session->undealt = MQTT_DRAWN_MAX;
    }
    memcpy(id, session->drawn[--session->undealt], MQTT_ID_BYTES);
}

bool mqtt_session_see(struct mqtt_session *session, const struct mqtt_incoming *incoming,
                      struct mqtt_seen *seen)
{
    *seen = (struct mqtt_seen){.mid = incoming->mid, .hash = hash_of(incoming)};
    uint64_t oldest = session->count > MF_MQTT_SEEN_MAX ? session->count - MF_MQTT_SEEN_MAX : 0;
    for (uint64_t i = session->count; incoming->qos && incoming->again && i-- > oldest;) {
        const struct mqtt_seen *known = &session->seen[i % MF_MQTT_SEEN_MAX];
        if (known->mid == seen->mid && known->hash == seen->hash) {
            *seen = *known;
            return true;
        }
    }
    draw_id(session, seen->id);
    return false;
}

mf_err mqtt_session_keep(struct mqtt_session *session, const struct mqtt_seen *seen, size_t count,
                         const struct store_ask *ask)
{
    char key[KEY_BYTES];
    uint8_t value[sizeof(uint64_t) + MF_MQTT_BATCH_MAX * sizeof *seen];
    mf_assert(count >= 1 && count <= MF_MQTT_BATCH_MAX);
    int bytes = snprintf(key, sizeof key, "%ss/%s%03x", session->prefix, session->ring,
                         (unsigned)(session->batch % MF_MQTT_SEEN_MAX));
    /* Of a node, or a function, that is gone for good they end with the broker's session. */
    uint64_t life_ms = session->ring[0] ? MF_MQTT_SESSION_S * 1000ull : 0;
    memcpy(value, &session->batch, sizeof session->batch);
    memcpy(value + sizeof session->batch, seen, count * sizeof *seen);
    mf_err err = space_set(session->space, (struct store_bytes){key, (size_t)bytes},
                           (struct store_bytes){value, sizeof session->batch + count * sizeof *seen},
                           life_ms, ask);
    session->batch += !err;
    return err;
}

void mqtt_session_filter(struct mqtt_session *session, const struct mqtt_filter *filter,
                         bool there, uint64_t now_ms)
{
    char key[KEY_BYTES];
    const struct store_ask ask = {.now_ms = now_ms};
    int bytes = snprintf(key, sizeof key, "%sf/%08x", session->prefix, filter->number);
    const struct store_bytes name = {key, (size_t)bytes};
    /* If it is not kept, an outage at the wrong time leaves a subscription that nobody wants:
     * its messages are acknowledged, and dropped. */
    mf_err err = there ? space_set(session->space, name,
                                   (struct store_bytes){filter->text, filter->bytes}, 0, &ask)
                       : space_delete(session->space, name, &ask);
    (void)err;
}
