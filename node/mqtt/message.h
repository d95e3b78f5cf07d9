/*
 * message.h: a message from the broker as an event (CloudEvents 1.0, MQTT protocol binding).
 *
 *   MQTT 5, user property specversion              ──▶ as it is: its user properties, its payload
 *   content type application/cloudevents+json, or  ──▶ as it is, out of the payload
 *     none and a JSON object that is an event
 *   anything else                                  ──▶ an event that the node makes: type
 *                                                      MQTT_EVENT_TYPE, the topic as its subject
 *
 * An event that was taken as it is gets the attribute mqtttopic, for its subject is its sender's.
 * One that says it is an event and is none is taken for anything else: messages are not lost.
 * What comes from the broker may be hostile. Pure but for memory; any thread.
 */
#ifndef MF_NODE_MQTT_MESSAGE_H
#define MF_NODE_MQTT_MESSAGE_H

#include "base/buf.h"
#include "node/events/cloudevent.h"
#include "node/mqtt/link.h"

#define MQTT_EVENT_TYPE "mayfly.mqtt.message"
#define MQTT_TOPIC_ATTRIBUTE "mqtttopic"
#define MQTT_HOPS_PROPERTY "mayfly-hops"  /* MQTT 5: of what a node has published; HOPS_HEADER of the event */
#define MQTT_RETAIN_ATTRIBUTE "mqttretain" /* "true": it is an old one, that the broker kept */

/* What an event borrows; reset before each, closed at the end. Zeroed at first. */
struct mqtt_words {
    char *text[2 * MF_MQTT_PROPERTIES_MAX + 1];
    unsigned count;
    struct mf_buf json;
    char time[EVENT_TIME_BYTES];
};
void mqtt_words_reset(struct mqtt_words *words);

/* The topic is checked; source, id: of an event that the node makes. MF_ENOMEM, or MF_EINVAL: the
 * topic can be no subject (CloudEvents forbids more than MQTT: noncharacters). */
MF_CHECKED mf_err mqtt_message_event(const struct mqtt_incoming *incoming, const char *source,
                                     const char *id, uint64_t now_ms, struct mqtt_words *words,
                                     struct cloudevent *event);

/* The same, as an event that the node makes, whatever it says it is. */
MF_CHECKED mf_err mqtt_message_plain(const struct mqtt_incoming *incoming, const char *source,
                                     const char *id, uint64_t now_ms, struct mqtt_words *words,
                                     struct cloudevent *event);

/* What MQTT_HOPS_PROPERTY says, anybody's word; at most one more than may be. 0: nothing. */
uint32_t mqtt_message_hops(const struct mqtt_incoming *incoming);

#endif
