/*
 * mqtt.c: see mqtt.h.
 * Guarantees: a node has the same client id after a restart, and no other node that was not
 * given the same name has it. Leaves to others: all that is said to the broker.
 */
#include "node/mqtt/mqtt.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "image/topic.h"
#include "node/functions/function.h"
#include "node/functions/state_dir.h"
#include "node/mqtt/heir.h"
#include "node/node.h"

#define CLIENT_FILE "mqtt-client"
#define CLIENT_RANDOM_BYTES 6
#define OUT "-out"
#define URGENT "-urgent"

static mf_err read_password(const char *path, struct mqtt_url *url, struct mf_why *why)
{
    struct mf_buf text = {0};
    mf_err err = state_read_secret(path, sizeof url->password - 1, &text, why);
    while (!err && text.bytes && strchr("\r\n", text.data[text.bytes - 1]))
        text.bytes--;
    if (!err && (text.bytes == 0 || memchr(text.data, 0, text.bytes)))
        err = mf_why(why, MF_EINVAL, "%s: a password is one line of text", path);
    if (!err) {
        memcpy(url->password, text.data, text.bytes);
        url->password[text.bytes] = 0;
    }
    if (text.data)
        sodium_memzero(text.data, text.room);
    mf_buf_close(&text);
    return err;
}

static mf_err read_options(struct mqtt *mqtt, const struct options *options, struct mf_why *why)
{
    struct mqtt_broker *broker = &mqtt->broker;
    mf_err err = mqtt_url_read(options->mqtt_url, &broker->url, why);
    if (!err && options->mqtt_password_file[0])
        err = broker->url.user[0]
                  ? read_password(options->mqtt_password_file, &broker->url, why)
                  : mf_why(why, MF_EINVAL, "--mqtt-password-file needs a user: --mqtt "
                                           "mqtt://USER@HOST");
    if (err)
        return err;
    if (!broker->url.tls && (options->mqtt_ca[0] || options->mqtt_cert[0]))
        return mf_why(why, MF_EINVAL, "--mqtt-ca and --mqtt-cert are for TLS: --mqtt mqtts://…");
    if (!options->mqtt_cert[0] != !options->mqtt_key[0])
        return mf_why(why, MF_EINVAL, "--mqtt-cert and --mqtt-key belong together");
    memcpy(broker->ca, options->mqtt_ca, sizeof broker->ca);
    memcpy(broker->cert, options->mqtt_cert, sizeof broker->cert);
    memcpy(broker->key, options->mqtt_key, sizeof broker->key);
    return MF_OK;
}

/* The node's name if it has one; else one that is made once, and kept in the state directory. */
static mf_err client_id(const struct node *node, char *id, size_t room, struct mf_why *why)
{
    struct mf_buf text = {0};
    uint8_t random[CLIENT_RANDOM_BYTES];
    char hex[2 * CLIENT_RANDOM_BYTES + 1];
    const int dir_fd = node->api.state.dir_fd;
    if (node->options->node_name[0]) {
        (void)snprintf(id, room, "%s", node->options->node_name);
        return MF_OK;
    }
    mf_err err = state_read(dir_fd, CLIENT_FILE, MF_NAME_BYTES_MAX, &text, why);
    bool kept = !err && settings_name_valid((const char *)text.data, text.bytes);
    if (kept)
        (void)snprintf(id, room, "%.*s", (int)text.bytes, (const char *)text.data);
    mf_buf_close(&text);
    if (kept || (err && err != MF_ENOENT))
        return err;
    randombytes_buf(random, sizeof random);
    (void)snprintf(id, room, "mayfly-%s", sodium_bin2hex(hex, sizeof hex, random, sizeof random));
    return state_write(dir_fd, CLIENT_FILE, id, strlen(id), why);
}

/* Of the node's own sessions, where there are others. */
static bool own(const struct trigger *trigger)
{
    return !mqtt_heirs_want(trigger);
}

mf_err mqtt_open(struct mqtt *mqtt, struct node *node, struct mf_why *why)
{
    char client[MF_NAME_BYTES_MAX + 1], urgent[MQTT_CLIENT_BYTES], out[MQTT_CLIENT_BYTES];
    struct mqtt_intake *intake = mqtt->intake;
    mqtt->node = node;
    if (!node->options->mqtt_url[0])
        return MF_OK;
    mf_err err = read_options(mqtt, node->options, why);
    if (!err)
        err = client_id(node, client, sizeof client, why);
    if (!err)
        err = mqtt_late(why);
    if (err)
        return err;
    mqtt->open = true;
    (void)snprintf(out, sizeof out, "%s" OUT, client);
    (void)snprintf(urgent, sizeof urgent, "%s" URGENT, client);
    err = mqtt_intake_open(&intake[MQTT_BULK], node, &mqtt->broker, client, NULL, "in", false);
    if (!err)
        err = mqtt_intake_open(&intake[MQTT_URGENT], node, &mqtt->broker, urgent, NULL, "in-urgent", true);
    if (!err && node->delivery.shared) {
        intake[MQTT_BULK].subscriptions.wants = intake[MQTT_URGENT].subscriptions.wants = own;
        err = mqtt_heirs_open(&mqtt->heirs, node, &mqtt->broker, client);
    }
    if (!err)
        err = mqtt_outbox_open(&mqtt->outbox, node, &mqtt->broker, out);
    return err ? mf_why(why, err, "MQTT: the store: %s", mf_err_words(err)) : MF_OK;
}

void mqtt_begin(struct mqtt *mqtt)
{
    if (!mqtt->open)
        return;
    for (int i = 0; i < MQTT_INTAKES; i++)
        mqtt_intake_begin(&mqtt->intake[i]);
    mqtt_heirs_begin(&mqtt->heirs);
    mqtt_outbox_begin(&mqtt->outbox);
}

bool mqtt_turn(struct mqtt *mqtt)
{
    if (!mqtt->open)
        return false;
    bool more = mqtt_link_turn(&mqtt->outbox.link);
    for (int i = 0; i < MQTT_INTAKES; i++)
        more |= mqtt_link_turn(&mqtt->intake[i].link);
    if (mqtt->heirs.node)
        list_each(at, &mqtt->heirs.list)
            more |= mqtt_link_turn(&list_of(at, struct mqtt_heir, link)->intake.link);
    return more;
}

static bool link_due(const struct mqtt_link *link)
{
    return link->due && !link->withheld && link->state == LINK_UP;
}

bool mqtt_due(const struct mqtt *mqtt)
{
    if (mqtt->heirs.node)
        list_each(at, &mqtt->heirs.list)
            if (link_due(&list_of(at, struct mqtt_heir, link)->intake.link))
                return true;
    return link_due(&mqtt->intake[MQTT_BULK].link) || link_due(&mqtt->intake[MQTT_URGENT].link) ||
           link_due(&mqtt->outbox.link);
}

void mqtt_quiet(struct mqtt *mqtt)
{
    if (!mqtt->open)
        return;
    for (int i = 0; i < MQTT_INTAKES; i++)
        mqtt_intake_quiet(&mqtt->intake[i]);
    mqtt_heirs_quiet(&mqtt->heirs);
    mqtt_outbox_quiet(&mqtt->outbox);
}

bool mqtt_rests(const struct mqtt *mqtt)
{
    return mqtt_heirs_rest(&mqtt->heirs) && (mqtt->outbox.in_hand.count == 0 || mqtt->outbox.link.state != LINK_UP);
}

void mqtt_close(struct mqtt *mqtt)
{
    if (!mqtt->open)
        return;
    for (int i = 0; i < MQTT_INTAKES; i++)
        mqtt_intake_close(&mqtt->intake[i]);
    mqtt_heirs_close(&mqtt->heirs);
    mqtt_outbox_close(&mqtt->outbox);
    sodium_memzero(mqtt->broker.url.password, sizeof mqtt->broker.url.password);
    mqtt->open = false;
}

size_t mqtt_match_elsewhere(struct mqtt *mqtt, struct mqtt_intake *not_here, const char *topic, const uint32_t *numbers,
                            size_t number_count, void (*visit)(void *context, struct function *function))
{
    size_t count = 0;
    for (int i = 0; i < MQTT_INTAKES && count == 0; i++)
        if (&mqtt->intake[i] != not_here)
            count = mqtt_subscriptions_match(&mqtt->intake[i].subscriptions, topic, strlen(topic), numbers,
                                             number_count, visit, not_here);
    if (count == 0 && mqtt->heirs.node)
        list_each(at, &mqtt->heirs.list) {
            struct mqtt_intake *intake = &list_of(at, struct mqtt_heir, link)->intake;
            if (intake != not_here)
                count += mqtt_subscriptions_match(&intake->subscriptions, topic, strlen(topic), numbers, number_count,
                                                  visit, not_here);
        }
    return count;
}

/* The broker sends it once for each. */
static void tell_of_overlap(const struct function *function, const struct triggers *triggers)
{
    for (uint32_t i = 0; i < triggers->count; i++)
        for (uint32_t j = 0; j < i; j++) {
            const struct trigger *one = &triggers->each[j], *other = &triggers->each[i];
            if (one->kind == TRIGGER_MQTT && other->kind == TRIGGER_MQTT &&
                topic_filters_meet(one->text, one->text_bytes, other->text, other->text_bytes))
                mf_log(MF_LOG_WARN, "mqtt.twice", "fn=%s filter=\"%.200s\" other=\"%.200s\" why=\"a message that "
                       "both take makes two events of the function\"", function->name, one->text, other->text);
        }
}

void mqtt_deployed(struct function *function)
{
    struct mqtt *mqtt = &function->node->mqtt;
    const struct triggers *triggers = &function->version->settings.triggers;
    if (!mqtt->open) {
        if (triggers_has(triggers, TRIGGER_MQTT))
            mf_log(MF_LOG_WARN, "mqtt.not-subscribed", "fn=%s why=\"this node has no broker; its "
                   "option --mqtt names one\"", function->name);
        return;
    }
    bool urgent = function->version->settings.priority == PRIORITY_URGENT;
    struct mqtt_subscriptions *now = &mqtt->intake[urgent ? MQTT_URGENT : MQTT_BULK].subscriptions;
    struct mqtt_subscriber *before = NULL;
    if (function->subscriber && function->subscriber->owner != now) { /* its priority is another one */
        before = function->subscriber;
        function->subscriber = NULL;
    }
    tell_of_overlap(function, triggers);
    mqtt_subscriptions_set(now, function, triggers, &function->subscriber);
    mqtt_heirs_set(&mqtt->heirs, function, triggers); /* before others are left: what both have is not lost */
    if (before)
        mqtt_subscriptions_set(before->owner, function, NULL, &before);
}

void mqtt_removed(struct function *function)
{
    struct mqtt *mqtt = &function->node->mqtt;
    if (!mqtt->open)
        return;
    if (function->subscriber)
        mqtt_subscriptions_set(function->subscriber->owner, function, NULL, &function->subscriber);
    mqtt_heirs_set(&mqtt->heirs, function, NULL);
}

mf_err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication,
                    struct mqtt_publisher *publisher, struct mf_why *why)
{
    return mqtt_outbox_publish(&mqtt->outbox, publication, publisher, why);
}
