/*
 * subscriptions.h: which function wants the messages of which topics, and what the broker was
 * told of it. One subscription for each filter, however many functions have it.
 *
 *            first function                 SUBACK
 *     ──────────────────────▶ NEW ──▶ ASKED ─────▶ GRANTED, or REFUSED (a word in the log)
 *                              ▲        connection lost: NEW
 *        a function again      │              last function gone
 *     ◀───────────────── LEAVING ◀────────────────────────────── from any; UNSUBACK: freed
 *
 * Each filter has a number, a hash of its text, which MQTT 5's brokers put on the messages that
 * they send for it: so a message that comes twice, for two filters, is given to the functions of
 * each once. Loop thread only.
 */
#ifndef MF_NODE_MQTT_SUBSCRIPTIONS_H
#define MF_NODE_MQTT_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "image/triggers.h"
#include "node/loop/list.h"

#define MQTT_BUCKETS 1024u
#define MQTT_NUMBERS_MAX 16u /* of one message, that are looked at */

struct function;

enum mqtt_filter_state { FILTER_NEW, FILTER_ASKED, FILTER_GRANTED, FILTER_REFUSED, FILTER_LEAVING };

struct mqtt_filter {
    struct link link;          /* in its bucket, or in wild                     */
    struct link in_order;      /* of all                                        */
    struct link asked;         /* in the order of asking, until it is answered  */
    struct link members;
    enum mqtt_filter_state state;
    int mid;                   /* ASKED, LEAVING: the packet's; 0: not sent     */
    uint32_t number;           /* 1 … 268435455                                 */
    uint8_t qos;               /* the highest of its members'                   */
    const char *pattern;       /* without $share/GROUP/; points into text       */
    size_t pattern_bytes;
    size_t bytes;
    char text[];
};

/* A function with triggers. */
struct mqtt_subscriber {
    struct link link;
    struct link members;
    struct function *function; /* borrowed                                      */
    struct mqtt_subscriptions *owner;
    uint64_t stamp;            /* the last message it was chosen for            */
};

struct mqtt_subscriptions {
    struct link buckets[MQTT_BUCKETS]; /* without wildcards, by pattern         */
    struct link wild;
    struct link in_order;
    struct link asked;
    struct link subscribers;
    uint32_t count;            /* filters                                       */
    uint64_t stamp;
    /* Is it one of ours? NULL: of MQTT each is. Its owner's, after opening. */
    bool (*wants)(const struct trigger *trigger);
    /* Told when a filter has to be asked for, or left. */
    void (*changed)(struct mqtt_subscriptions *subscriptions, struct mqtt_filter *filter);
};

void mqtt_subscriptions_open(struct mqtt_subscriptions *subscriptions,
                             void (*changed)(struct mqtt_subscriptions *subscriptions,
                                             struct mqtt_filter *filter));
void mqtt_subscriptions_close(struct mqtt_subscriptions *subscriptions);

/* These, as far as wants() them, are the function's triggers from now on, in place of those before; NULL: none any more.
 * *subscriber: NULL if it has none. What cannot be subscribed to is left out, and logged. */
void mqtt_subscriptions_set(struct mqtt_subscriptions *subscriptions, struct function *function,
                            const struct triggers *triggers,
                            struct mqtt_subscriber **subscriber);

/* A subscription that the broker has from an earlier life of the node: left, unless some
 * function wants it. */
MF_CHECKED mf_err mqtt_subscriptions_known(struct mqtt_subscriptions *subscriptions,
                                           const char *text, size_t bytes);

/* The functions that a message of that topic is for, each once: of the filters with these
 * numbers, or, without numbers, of all that take the topic. How many. */
size_t mqtt_subscriptions_match(struct mqtt_subscriptions *subscriptions, const char *topic,
                                size_t topic_bytes, const uint32_t *numbers, size_t number_count,
                                void (*visit)(void *context, struct function *function),
                                void *context);

/* The connection went: all have to be asked for, or left, again. */
void mqtt_subscriptions_reset(struct mqtt_subscriptions *subscriptions);
void mqtt_subscriptions_asked(struct mqtt_subscriptions *subscriptions,
                              struct mqtt_filter *filter, int mid);
/* An answer; NULL: to nothing that was asked. One that was left is the caller's to free. */
struct mqtt_filter *mqtt_subscriptions_answered(struct mqtt_subscriptions *subscriptions, int mid);
void mqtt_filter_free(struct mqtt_subscriptions *subscriptions, struct mqtt_filter *filter);

#endif
