/*
 * link_events.c: see link_events.h.
 * Guarantees: none of these ends the client. What they find is said by link->state and
 * link->heard, and acted upon where libmosquitto returns (link.c).
 */
#include "node/mqtt/link_events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/mqtt/guard.h"

#define RECEIVED " received PUBLISH (d" /* then '0' or '1' */

static void greeted(struct mosquitto *handle, void *owner, int reason, int flags,
                    const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    uint16_t seconds = MF_MQTT_KEEP_ALIVE_S;
    uint8_t numbers = 1;
    (void)handle;
    if (reason) {
        bool version = reason == (link->old ? 1 : MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION);
        (void)snprintf(link->heard, sizeof link->heard, "%s",
                       version && !link->old ? "it has no MQTT 5; 3.1.1 is tried"
                       : link->old           ? mosq.connack_string(reason)
                                             : mosq.reason_string(reason));
        link->old ^= version;
        return; /* an error of mosquitto_loop_read() follows */
    }
    if (link->state != LINK_GREETING)
        return; /* twice */
    (void)mosq.property_read_int16(properties, MQTT_PROP_SERVER_KEEP_ALIVE, &seconds, false);
    (void)mosq.property_read_byte(properties, MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE, &numbers,
                                       false);
    link->numbers = !link->old && numbers;
    link->keep_alive_s = seconds ? seconds : MF_MQTT_KEEP_ALIVE_S;
    link->state = LINK_UP;
    link->connections++;
    link->up_ns = link->loop->now_ns;
    timer_set(&link->loop->timers, &link->timer, mqtt_link_alive_until_ns(link));
    link->packet_bytes_max = UINT32_MAX;
    (void)mosq.property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                        &link->packet_bytes_max, false);
    bool resumed = flags & 1;
    mf_log(MF_LOG_INFO, "mqtt.connected", "broker=%s:%u link=%s client=%s version=%s session=%s",
           link->broker->url.host, (unsigned)link->broker->url.port, link->role, link->client,
           link->old ? "3.1.1" : "5", resumed ? "resumed" : "new");
    mqtt_guard_pause();
    link->parts->up(link, resumed);
    mqtt_guard_resume();
}

/* Its state is changed where mosquitto_loop_read() returns. */
static void dismissed(struct mosquitto *handle, void *owner, int reason,
                      const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    if (link->heard[0] || reason < 128 || link->old)
        return;
    (void)snprintf(link->heard, sizeof link->heard, "%s%s", mosq.reason_string(reason),
                   reason == MQTT_RC_SESSION_TAKEN_OVER && !link->inherited
                       ? ": another client has this one's id; give each node its own --node-name" : "");
}

/* libmosquitto's lines cost a tenth of what an event does. What a broker of MQTT 5 sends again it had sent before this
 * connection (MQTT 5, 4.4); after so many others its id is not known any more (session.c), so nobody need say. */
static void listen_less(struct mqtt_link *link, const struct mqtt_incoming *incoming)
{
    if (!link->old && incoming->qos && !incoming->again && ++link->unmarked == MF_MQTT_SEEN_MAX)
        mosq.log_callback_set(link->handle, NULL);
}

static void arrived(struct mosquitto *handle, void *owner,
                    const struct mosquitto_message *message,
                    const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    const struct mqtt_incoming incoming = {
        .topic = message->topic,
        .payload = message->payload,
        .bytes = message->payloadlen > 0 ? (size_t)message->payloadlen : 0,
        .mid = (uint16_t)message->mid,
        .qos = (uint8_t)message->qos,
        .retain = message->retain,
        .again = link->again,
        .properties = properties,
    };
    mqtt_guard_pause();
    link->parts->message(link, &incoming);
    mqtt_guard_resume();
    listen_less(link, &incoming);
    errno = 0; /* read_some() looks at what reading leaves there */
}

static void granted(struct mosquitto *handle, void *owner, int mid, int count, const int *reasons,
                    const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    if (count > 0)
        link->parts->granted(link, mid, reasons[0]);
}

static void left(struct mosquitto *handle, void *owner, int mid,
                 const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    link->parts->left(link, mid);
}

static void sent(struct mosquitto *handle, void *owner, int mid, int reason,
                 const mosquitto_property *properties)
{
    struct mqtt_link *link = owner;
    (void)handle;
    (void)properties;
    link->parts->sent(link, mid, reason);
}

/* Two things are told by this way only: what OpenSSL minds, and that a message is sent again. */
static void said(struct mosquitto *handle, void *owner, int level, const char *text)
{
    struct mqtt_link *link = owner;
    (void)handle;
    if (level == MOSQ_LOG_ERR && !link->heard[0])
        (void)snprintf(link->heard, sizeof link->heard, "%s", text);
    const char *received = level == MOSQ_LOG_DEBUG ? strstr(text, RECEIVED) : NULL;
    if (received)
        link->again = received[sizeof RECEIVED - 1] != '0';
}

void mqtt_link_listen(struct mqtt_link *link)
{
    struct mosquitto *handle = link->handle;
    mosq.user_data_set(handle, link);
    mosq.log_callback_set(handle, said);
    mosq.connect_v5_callback_set(handle, greeted);
    mosq.disconnect_v5_callback_set(handle, dismissed);
    mosq.message_v5_callback_set(handle, arrived);
    mosq.subscribe_v5_callback_set(handle, granted);
    mosq.unsubscribe_v5_callback_set(handle, left);
    mosq.publish_v5_callback_set(handle, sent);
}
