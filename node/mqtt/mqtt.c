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
    err = mqtt_intake_open(&intake[MQTT_BULK], node, &mqtt->broker, client, "in", false,
                           &intake[MQTT_URGENT]);
    if (!err)
        err = mqtt_intake_open(&intake[MQTT_URGENT], node, &mqtt->broker, urgent, "in-urgent", true,
                               &intake[MQTT_BULK]);
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
    mqtt_outbox_begin(&mqtt->outbox);
}

bool mqtt_turn(struct mqtt *mqtt)
{
    if (!mqtt->open)
        return false;
    bool more = mqtt_link_turn(&mqtt->outbox.link);
    for (int i = 0; i < MQTT_INTAKES; i++)
        more |= mqtt_link_turn(&mqtt->intake[i].link);
    return more;
}

static bool link_due(const struct mqtt_link *link)
{
    return link->due && !link->withheld && link->state == LINK_UP;
}

bool mqtt_due(const struct mqtt *mqtt)
{
    return link_due(&mqtt->intake[MQTT_BULK].link) || link_due(&mqtt->intake[MQTT_URGENT].link) ||
           link_due(&mqtt->outbox.link);
}

void mqtt_quiet(struct mqtt *mqtt)
{
    if (!mqtt->open)
        return;
    for (int i = 0; i < MQTT_INTAKES; i++)
        mqtt_intake_quiet(&mqtt->intake[i]);
    mqtt_outbox_quiet(&mqtt->outbox);
}

bool mqtt_rests(const struct mqtt *mqtt)
{
    return mqtt->outbox.count == 0 || mqtt->outbox.link.state != LINK_UP;
}

void mqtt_close(struct mqtt *mqtt)
{
    if (!mqtt->open)
        return;
    for (int i = 0; i < MQTT_INTAKES; i++)
        mqtt_intake_close(&mqtt->intake[i]);
    mqtt_outbox_close(&mqtt->outbox);
    sodium_memzero(mqtt->broker.url.password, sizeof mqtt->broker.url.password);
    mqtt->open = false;
}

/* Nodes of one store make one event of everything else; who did not think of it should hear it. */
static void tell_of_shared_store(const struct function *function, const struct triggers *triggers)
{
    for (uint32_t i = 0; function->node->delivery.shared && i < triggers->count; i++) {
        const struct trigger *trigger = &triggers->each[i];
        size_t prefix = 0;
        if (trigger->kind == TRIGGER_MQTT &&
            topic_shared_prefix(trigger->text, trigger->text_bytes, &prefix) == MF_OK && !prefix)
            mf_log(MF_LOG_WARN, "mqtt.every-node", "fn=%s filter=\"%.200s\" why=\"each node of this store that "
                   "has the function makes an event of a message; with $share/GROUP/FILTER one does\"",
                   function->name, trigger->text);
    }
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
    tell_of_shared_store(function, triggers);
    tell_of_overlap(function, triggers);
    mqtt_subscriptions_set(now, function, triggers, &function->subscriber);
    if (before)
        mqtt_subscriptions_set(before->owner, function, NULL, &before);
}

void mqtt_removed(struct function *function)
{
    struct mqtt *mqtt = &function->node->mqtt;
    if (mqtt->open && function->subscriber)
        mqtt_subscriptions_set(function->subscriber->owner, function, NULL, &function->subscriber);
}

mf_err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication,
                    struct mqtt_publisher *publisher, struct mf_why *why)
{
    return mqtt_outbox_publish(&mqtt->outbox, publication, publisher, why);
}
