/*
 * outbox.h: publications on their way to the broker, over a connection of their own: what is
 * published must not wait until messages that came in are durable, nor what comes in for these.
 *
 *     publish ──▶ queue (tenant MQTT_TENANT, name MQTT_OUT_QUEUE) ──▶ take ──▶ PUBLISH
 *                   ▲                                                            │
 *                   │ connection lost                  PUBACK, PUBCOMP: gone ◀───┤
 *                   └────────────────────────────────────────────────────────────┘
 *                                     refused by the broker, for good: a dead letter
 *
 * QoS 1 and 2 are kept until the broker has acknowledged them, in order, and sent anew on each
 * connection: at least once. QoS 0 is sent, or kept in memory until there is a connection, or
 * dropped. The connection is made when there is something to publish, and closed some time
 * after. Loop thread only.
 */
#ifndef MF_NODE_MQTT_OUTBOX_H
#define MF_NODE_MQTT_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "node/mqtt/link.h"
#include "node/mqtt/publication.h"
#include "node/mqtt/sending.h"
#include "node/store/store.h"

#define MQTT_OUT_QUEUE "mqtt-out"

struct node;

/* One who publishes; the caller's until done(). */
struct mqtt_publisher {
    /* MF_OK: QoS 1, 2: kept, and will be sent; QoS 0: sent, or will be if the broker is there.
     * MF_EFULL: as much waits as may, or the disk is full; MF_EAGAIN: too much at once;
     * MF_EDEAD: the store or, for QoS 0, the broker is away. */
    void (*done)(struct mqtt_publisher *publisher, mf_err err);
};

struct mqtt_outbox {
    struct node *node;           /* NULL: not open                        */
    struct mqtt_link link;
    struct queue *queue;
    struct queue_watch watch;
    struct timer timer;            /* idle, or waited too long for an answer */
    struct mqtt_sendings in_hand;  /* taken, in the order of sending        */
    struct mqtt_sendings loose;    /* QoS 0, until there is a connection    */
    bool more;                     /* a take may find something             */
    bool taking;
    bool narrow;                   /* one at a time: the last ones were not answered */
    bool quiet;
    uint64_t active_ns;            /* when there was something to do last   */
    uint64_t due_ns;               /* when a take may find something that others have; TIMER_NEVER */
    uint64_t published[3], dropped, refused;
};

MF_CHECKED mf_err mqtt_outbox_open(struct mqtt_outbox *outbox, struct node *node,
                                   const struct mqtt_broker *broker, const char *client);
void mqtt_outbox_begin(struct mqtt_outbox *outbox);
void mqtt_outbox_quiet(struct mqtt_outbox *outbox);
void mqtt_outbox_close(struct mqtt_outbox *outbox);

/* outbox_in.c: copies the publication. An error: it cannot be (mqtt_publication_check()), or not now, and
 * done() is not called; else done() is, once, perhaps from within. */
MF_CHECKED mf_err mqtt_outbox_publish(struct mqtt_outbox *outbox,
                                      const struct mqtt_publication *publication,
                                      struct mqtt_publisher *publisher, struct mf_why *why);
/* There may be something to send. Not from within one of libmosquitto's callbacks. */
void mqtt_outbox_pump(struct mqtt_outbox *outbox);

#endif
