/*
 * intake.h: messages on their way from the broker into the queues of functions: what the broker is
 * told to send, who gets a message, and what is dropped. What is read becomes durable by batches, one
 * after the other (batch.h), and nothing is read meanwhile. So a node has two of them, each with a
 * session of its own: one for functions whose priority is urgent, one for the others. Where nodes share
 * a store there is one more for each function, with a session that they inherit from each other (heirs.h).
 * Loop thread only.
 */
#ifndef MF_NODE_MQTT_INTAKE_H
#define MF_NODE_MQTT_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "node/mqtt/link.h"
#include "node/mqtt/message.h"
#include "node/mqtt/session.h"
#include "node/mqtt/subscriptions.h"

struct node;
struct mqtt_batch;
struct mqtt_intake;
struct mqtt_lease;

/* Why a message got to no function. X(NAME, word) */
#define MQTT_DROPS(X)                                                                      \
    X(UNWANTED, "unwanted")   /* no function has such a trigger (any more)               */ \
    X(TOPIC, "topic")         /* not one that is allowed here: too long, control characters */ \
    X(TOO_BIG, "too-big")     /* more than an event may have                             */ \
    X(NO_ROOM, "no-room")     /* QoS 0, and the queue, disk or store did not take it      */ \
    X(STOPPED, "stopped")     /* its function is stopped, and its queue full              */
#define MQTT_DROP_ENUM(NAME, word) MQTT_DROP_##NAME,
enum mqtt_drop { MQTT_DROPS(MQTT_DROP_ENUM) MQTT_DROP_COUNT };

/* For metrics, since the node started. */
struct mqtt_counts {
    uint64_t messages[3]; /* by their QoS                               */
    uint64_t redelivered; /* of these, known already                    */
    uint64_t held;        /* times that a batch was                     */
    uint64_t drops[MQTT_DROP_COUNT];
};
void mqtt_counts_add(struct mqtt_counts *sum, const struct mqtt_counts *counts);

/* What an heir wants to know (heirs.h). */
struct mqtt_intake_parts {
    void (*empty)(struct mqtt_intake *intake);  /* connected, and no filter is left; the link may not be closed now */
    void (*down)(struct mqtt_intake *intake);   /* the connection went; the same   */
    void (*rested)(struct mqtt_intake *intake); /* perhaps nothing is under way any more; may close and free it */
};

struct mqtt_intake {
    struct node *node;
    const struct mqtt_intake_parts *parts; /* NULL: the session is the node's own   */
    struct mqtt_lease *lease;      /* the same; held while it hears                 */
    bool lazy;                     /* connect when there is a filter                */
    struct mqtt_link link;
    struct mqtt_subscriptions subscriptions;
    struct mqtt_session session;
    struct mqtt_batch *batch;      /* NULL: nothing was read                        */
    uint32_t batch_max;            /* messages of the next one: 1 after trouble, then doubled */
    uint32_t orphans;              /* batches whose connection went, not answered yet */
    struct timer timer;            /* HELD: when it is tried again                  */
    bool hears;                    /* wanted to                                     */
    bool begun, quiet;             /* begun: what was kept is read                  */
    bool loading, stale;           /* it is being read; for a time that is over     */
    bool starved;                  /* no memory for a message                       */
    char source[320];              /* of events that the node makes                 */
    struct mqtt_words words;
    struct mf_buf chosen;          /* names of functions, of the message at hand    */
    struct mqtt_counts counts;
    uint64_t told_ns;              /* the last line about a dropped message         */
};

/* client: of the session; me: NULL, or this node's name among its heirs; role: for people, borrowed.
 * lazy: connect only when a function has a trigger, or the session one that was left. The store is open. */
MF_CHECKED mf_err mqtt_intake_open(struct mqtt_intake *intake, struct node *node,
                                   const struct mqtt_broker *broker, const char *client, const char *me,
                                   const char *role, bool lazy);
/* Functions are there: read what was kept, connect. */
void mqtt_intake_begin(struct mqtt_intake *intake);
/* Not now: what is not durable is the broker's. Until it is begun again. */
void mqtt_intake_pause(struct mqtt_intake *intake);
/* Nothing is under way: neither with the store nor with functions' queues. */
bool mqtt_intake_rests(const struct mqtt_intake *intake);
/* Take no more; what is under way is finished. */
void mqtt_intake_quiet(struct mqtt_intake *intake);
void mqtt_intake_close(struct mqtt_intake *intake);

/* A message, or what one function gets of it, is dropped: counted, and told to the log. */
void mqtt_intake_drop(struct mqtt_intake *intake, enum mqtt_drop why, const char *topic, size_t bytes);
const char *mqtt_drop_word(enum mqtt_drop drop);

#endif
