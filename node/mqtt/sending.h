/*
 * sending.h: publications that are in hand, and lists of them that know how much they are.
 * Loop thread only.
 */
#ifndef MF_NODE_MQTT_SENDING_H
#define MF_NODE_MQTT_SENDING_H

#include <stddef.h>
#include <stdint.h>

#include "node/loop/list.h"

struct mqtt_sending {
    struct link link;
    uint64_t id;           /* in the queue that it was taken from; 0: in none */
    uint32_t attempts;
    int mid;               /* libmosquitto's number, once it was sent         */
    uint64_t sent_ns;
    size_t bytes;
    uint8_t record[];      /* publication.h                                   */
};

struct mqtt_sendings {
    struct link list;      /* in the order in which they came */
    uint32_t count;
    size_t bytes;
};

/* The record copied, or, if it is NULL, room for one. In no list yet; NULL: no memory. */
struct mqtt_sending *mqtt_sending_create(const void *record, size_t bytes);

void mqtt_sendings_init(struct mqtt_sendings *sendings);
/* Takes it over. */
void mqtt_sendings_add(struct mqtt_sendings *sendings, struct mqtt_sending *sending);
/* Frees it. */
void mqtt_sendings_drop(struct mqtt_sendings *sendings, struct mqtt_sending *sending);
/* There is one. */
struct mqtt_sending *mqtt_sendings_first(const struct mqtt_sendings *sendings);
struct mqtt_sending *mqtt_sendings_of_mid(const struct mqtt_sendings *sendings, int mid); /* NULL: none */

#endif
