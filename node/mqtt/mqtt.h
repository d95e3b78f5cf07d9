/*
 * mqtt.h: a node's connections to its broker: messages for functions (intake.h), publications
 * of functions (outbox.h). Without the option --mqtt there is neither. Loop thread only.
 */
#ifndef MF_NODE_MQTT_MQTT_H
#define MF_NODE_MQTT_MQTT_H

#include <jansson.h>
#include <stdbool.h>

#include "node/mqtt/heirs.h"
#include "node/mqtt/intake.h"
#include "node/mqtt/outbox.h"

/* By the priority of functions: a full queue holds back those of its own. */
enum { MQTT_BULK, MQTT_URGENT, MQTT_INTAKES };

struct mqtt {
    struct node *node;
    bool open;                   /* the node has a broker              */
    struct mqtt_broker broker;
    struct mqtt_intake intake[MQTT_INTAKES]; /* of sessions that are this node's      */
    struct mqtt_heirs heirs;                 /* of those that nodes of a store share  */
    struct mqtt_outbox outbox;
};

/* The store is open, functions are not there yet. */
MF_CHECKED mf_err mqtt_open(struct mqtt *mqtt, struct node *node, struct mf_why *why);
/* Functions are there: connect. */
void mqtt_begin(struct mqtt *mqtt);
/* True: there was something to do. */
bool mqtt_turn(struct mqtt *mqtt);
/* Is there something for the next turn? */
bool mqtt_due(const struct mqtt *mqtt);
/* Take nothing more, from nobody. */
void mqtt_quiet(struct mqtt *mqtt);
/* Nothing is under way any more. */
bool mqtt_rests(const struct mqtt *mqtt);
void mqtt_close(struct mqtt *mqtt); /* before the store */

/* The function is new, or has other triggers; it is going to be removed. */
void mqtt_deployed(struct function *function);
void mqtt_removed(struct function *function);

/* The functions that a message is for which came by a session that has none for it: it may have been theirs.
 * See mqtt_subscriptions_match(); visit's context is that intake. */
size_t mqtt_match_elsewhere(struct mqtt *mqtt, struct mqtt_intake *not_here, const char *topic, const uint32_t *numbers,
                            size_t number_count, void (*visit)(void *context, struct function *function));

/* See mqtt_outbox_publish(). */
MF_CHECKED mf_err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication,
                               struct mqtt_publisher *publisher, struct mf_why *why);

/* For GET /v1/node: a new reference; JSON null without a broker. */
json_t *mqtt_status(const struct mqtt *mqtt);
/* For /metrics: families mayfly_mqtt_…; nothing without a broker. */
MF_CHECKED mf_err mqtt_metrics(const struct mqtt *mqtt, struct mf_buf *out);

#endif
