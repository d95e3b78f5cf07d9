/*
 * link.h: one connection to the broker, for as long as it is wanted: made, greeted, kept alive,
 * and made again after a pause when it is lost.
 *
 *   OFF ──▶ CONNECTING ──▶ GREETING ──▶ UP
 *    ▲          │  ▲           │         │ lost: back-off
 *    │          ▼  │           ▼         ▼
 *    └──────── AWAY ◀────────────────────┘      unwanted: OFF from any state
 *
 * Nothing is sent but by link_flush() and by turns of the loop, and nothing at all while it is
 * withheld: libmosquitto puts the acknowledgement of a message behind the message's callback
 * into a list of packets, and it stays there. So who withholds the link until messages are on
 * the disk has them acknowledged only then (README.md, Decisions).
 *
 * Each connection has a libmosquitto client of its own: what one left behind does not get into
 * the next. Loop thread only.
 */
#ifndef MF_NODE_MQTT_LINK_H
#define MF_NODE_MQTT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "node/loop/loop.h"
#include "node/mqtt/attempt.h"

struct mqtt_link;

/* A message as it came: nothing in it is checked but by libmosquitto. Borrowed. */
struct mqtt_incoming {
    const char *topic;
    const uint8_t *payload;
    size_t bytes;
    uint16_t mid;          /* of QoS above 0 */
    uint8_t qos;
    bool retain;
    bool again;            /* the broker says that it sends it again */
    const mosquitto_property *properties;
};

/* What its owner does. Called from within turns; none may close the link. */
struct mqtt_link_parts {
    void (*up)(struct mqtt_link *link, bool resumed);
    void (*down)(struct mqtt_link *link);                   /* was up; nothing in flight counts */
    void (*message)(struct mqtt_link *link, const struct mqtt_incoming *incoming);
    bool (*full)(const struct mqtt_link *link);             /* enough messages for now          */
    void (*read)(struct mqtt_link *link);                   /* all that is there, or enough     */
    void (*granted)(struct mqtt_link *link, int mid, int reason);
    void (*left)(struct mqtt_link *link, int mid);          /* a filter                         */
    void (*sent)(struct mqtt_link *link, int mid, int reason); /* a publication has its answer  */
};

#define MQTT_LINK_STATES(X) X(OFF, "off") X(CONNECTING, "connecting") X(GREETING, "greeting") \
    X(UP, "connected") X(AWAY, "away")
#define MQTT_LINK_ENUM(NAME, word) LINK_##NAME,
enum mqtt_link_state { MQTT_LINK_STATES(MQTT_LINK_ENUM) LINK_STATES };

struct mqtt_link {
    const struct mqtt_link_parts *parts;
    void *owner;
    struct loop *loop;
    const struct mqtt_broker *broker;
    const char *role;              /* in logs: "in", "out"                    */
    char client[MQTT_CLIENT_BYTES]; /* its id                                 */
    bool keeps;                    /* a session                               */
    bool inherited;                /* which another node may take over; its owner's, after opening */
    bool forgets;                  /* and which ends when it is not wanted any more; its owner's   */

    enum mqtt_link_state state;
    bool wanted;
    bool old;                      /* MQTT 3.1.1: the broker has no 5         */
    bool numbers;                  /* the broker takes subscription numbers   */
    bool withheld;
    bool due;                      /* read in the next turn                   */
    bool asked;                    /* whether it lives; no answer yet         */
    bool again;                    /* of the message that comes next          */
    uint32_t unmarked;             /* messages of this connection that were not sent again, QoS 1 */
    struct mosquitto *handle;      /* GREETING, UP                            */
    struct mqtt_attempt *attempt;  /* CONNECTING                              */
    struct watch watch;
    struct timer timer;
    uint32_t failures;             /* in a row                                */
    uint32_t keep_alive_s;
    uint32_t packet_bytes_max;     /* that the broker takes                   */
    uint64_t up_ns, in_ns, out_ns; /* connected; last heard; last sent        */
    char words[MQTT_WORDS_BYTES];  /* why it was lost last; "": it was not    */
    char heard[MQTT_WORDS_BYTES];  /* of this connection, before it is lost   */
    uint64_t connections, losses;  /* for metrics                             */
};

void mqtt_link_open(struct mqtt_link *link, struct loop *loop, const struct mqtt_broker *broker,
                    const char *role, const char *client, bool keeps,
                    const struct mqtt_link_parts *parts, void *owner);
/* Connect, and again whenever it is lost; or say goodbye and be off. */
void mqtt_link_want(struct mqtt_link *link, bool wanted);
void mqtt_link_close(struct mqtt_link *link);

/* Neither read nor send from now on, or again. Still lost when the broker goes. */
void mqtt_link_withhold(struct mqtt_link *link, bool withhold);
/* Send what was put into it, as far as it goes now; the rest later. */
void mqtt_link_flush(struct mqtt_link *link);
/* Give the connection up, without sending anything; then as when it is lost. */
void mqtt_link_lose(struct mqtt_link *link, const char *words);
/* Read where there is more. True: there was. */
bool mqtt_link_turn(struct mqtt_link *link);

const char *mqtt_link_state_word(enum mqtt_link_state state);

#endif
