/*
 * heirs.c: see heirs.h.
 * Guarantees: sessions of different stores, or of brokers that may be different ones, have different ids.
 * Leaves to others: a function's session (heir.c).
 */
#include "node/mqtt/heirs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "image/topic.h"
#include "node/functions/function.h"
#include "node/functions/state_dir.h"
#include "node/mqtt/heir.h"
#include "node/node.h"

#define STORE_KEY "mqtt-store"       /* the store's own name, drawn by the first node */

static void ask_for_store(struct mqtt_heirs *heirs);
static void ask_again(struct timer *timer, uint64_t now_ns);

mf_err mqtt_heirs_open(struct mqtt_heirs *heirs, struct node *node, const struct mqtt_broker *broker,
                       const char *me)
{
    const struct space_settings settings = {.durability = STORE_POWER_LOSS};
    link_init(&heirs->list);
    link_init(&heirs->ended);
    heirs->broker = broker;
    heirs->timer.fire = ask_again;
    (void)snprintf(heirs->me, sizeof heirs->me, "%s", me);
    mf_err err = space_get(node->delivery.store, MQTT_TENANT, &settings, &heirs->space);
    if (!err)
        heirs->node = node;
    return err;
}

void mqtt_heirs_begin(struct mqtt_heirs *heirs)
{
    if (heirs->node)
        ask_for_store(heirs);
}

void mqtt_heirs_quiet(struct mqtt_heirs *heirs)
{
    if (!heirs->node || heirs->quiet)
        return;
    heirs->quiet = true;
    timer_stop(&heirs->node->loop.timers, &heirs->timer);
    list_each(at, &heirs->list)
        mqtt_heir_quiet(list_of(at, struct mqtt_heir, link));
}

bool mqtt_heirs_rest(const struct mqtt_heirs *heirs)
{
    if (heirs->node)
        list_each(at, &heirs->list)
            if (list_of(at, struct mqtt_heir, link)->lease.operations > 0)
                return false;
    return true;
}

void mqtt_heirs_count(const struct mqtt_heirs *heirs, uint32_t *hears, uint32_t *waits)
{
    *hears = *waits = 0;
    if (heirs->node)
        list_each(at, &heirs->list) {
            bool held = list_of(at, struct mqtt_heir, link)->lease.state == LEASE_HELD;
            *hears += held;
            *waits += !held;
        }
}

void mqtt_heirs_close(struct mqtt_heirs *heirs)
{
    if (!heirs->node)
        return;
    heirs->quiet = true;
    timer_stop(&heirs->node->loop.timers, &heirs->timer);
    list_each_safe(at, &heirs->list)
        mqtt_heir_close(list_of(at, struct mqtt_heir, link));
    list_each_safe(at, &heirs->ended)
        mqtt_heir_close(list_of(at, struct mqtt_heir, link));
    space_put(heirs->space);
    heirs->node = NULL;
}

/* ---- which session ---- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* A broker on loopback is the machine's: another one's is another one, whatever both are called. */
static void add_machine(crypto_generichash_state *state)
{
    struct utsname names;
    struct mf_buf text = {0};
    if (uname(&names) == 0)
        (void)crypto_generichash_update(state, (const uint8_t *)names.nodename, strlen(names.nodename));
    if (state_read(AT_FDCWD, "/etc/machine-id", 64, &text, NULL) == MF_OK)
        (void)crypto_generichash_update(state, text.data, text.bytes);
    mf_buf_close(&text);
}

static void set_scope(struct mqtt_heirs *heirs, struct store_bytes name)
{
    const struct mqtt_url *url = &heirs->broker->url;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    (void)crypto_generichash_update(&state, name.data, name.bytes);
    (void)crypto_generichash_update(&state, (const uint8_t *)url->host, strlen(url->host) + 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)&url->port, sizeof url->port);
    if (is_loopback(url->host))
        add_machine(&state);
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    (void)sodium_bin2hex(heirs->scope, sizeof heirs->scope, hash, (sizeof heirs->scope - 1) / 2);
}

static void set_function(struct function *function, void *context)
{
    mqtt_heirs_set(context, function, &function->version->settings.triggers);
}

static void stored(void *context, const struct store_answer *answer)
{
    struct mqtt_heirs *heirs = context;
    if (!heirs->node || heirs->quiet)
        return;
    if (!answer->err)
        set_scope(heirs, (struct store_bytes){heirs->drawn, strlen(heirs->drawn)});
    else if (answer->err == MF_EEXIST)
        set_scope(heirs, answer->value);
    else
        timer_set(&heirs->node->loop.timers, &heirs->timer, mf_monotonic_ns() + MF_MQTT_HOLD_MS_MAX * MF_NS_PER_MS);
    if (heirs->scope[0])
        registry_each(&heirs->node->registry, set_function, heirs);
}

static void ask_for_store(struct mqtt_heirs *heirs)
{
    uint8_t random[(MQTT_SCOPE_BYTES - 1) / 2];
    const struct store_ask ask = {delivery_now_ms(&heirs->node->delivery), stored, heirs};
    if (!heirs->drawn[0]) {
        randombytes_buf(random, sizeof random);
        (void)sodium_bin2hex(heirs->drawn, sizeof heirs->drawn, random, sizeof random);
    }
    mf_err err = space_compare_and_set(heirs->space, (struct store_bytes){STORE_KEY, sizeof STORE_KEY - 1}, NULL,
                                       (struct store_bytes){heirs->drawn, strlen(heirs->drawn)}, 0, &ask);
    if (err)
        stored(heirs, &(struct store_answer){.err = err});
}

static void ask_again(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    ask_for_store(list_of(timer, struct mqtt_heirs, timer));
}

/* ---- which triggers ---- */

bool mqtt_heirs_want(const struct trigger *trigger)
{
    size_t prefix = 0;
    return trigger->kind == TRIGGER_MQTT && !trigger->every_node &&
           topic_shared_prefix(trigger->text, trigger->text_bytes, &prefix) == MF_OK && prefix == 0;
}

/* One whose end is under way becomes the function's again. */
static struct mqtt_heir *heir_of(struct mqtt_heirs *heirs, const struct function *function)
{
    if (function->heir)
        return function->heir;
    list_each(at, &heirs->list)
        if (strcmp(list_of(at, struct mqtt_heir, link)->name, function->name) == 0)
            return list_of(at, struct mqtt_heir, link);
    return mqtt_heir_create(heirs, function->name);
}

void mqtt_heirs_set(struct mqtt_heirs *heirs, struct function *function, const struct triggers *triggers)
{
    bool any = false;
    if (!heirs->node || !heirs->scope[0]) /* once the scope is known they come again */
        return;
    if (heirs->quiet) {
        if (!triggers && function->heir)
            mqtt_heir_forget(function->heir);
        return;
    }
    for (uint32_t i = 0; triggers && i < triggers->count; i++)
        any |= mqtt_heirs_want(&triggers->each[i]);
    struct mqtt_heir *heir = any ? heir_of(heirs, function) : function->heir;
    if (any && heir)
        mqtt_heir_attach(heir, function, triggers);
    else if (any)
        mf_log(MF_LOG_ERROR, "mqtt.not-subscribed", "fn=%s why=\"out of memory\"", function->name);
    else if (heir)
        mqtt_heir_detach(heir);
}

