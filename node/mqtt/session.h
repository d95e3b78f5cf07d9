/*
 * session.h: what must outlive the node of our session with the broker, as keys of the store
 * (tenant MQTT_TENANT, prefix mqtt/CLIENT/):
 *
 *   s/NNN     (of a session that nodes inherit: s/NODE/NNN, each its own) the messages received last, so that one which the broker sends again, because our
 *             acknowledgement did not get there, has the id that it had
 *   f/NUMBER  a filter that the broker has: what no function wants any more is left, whenever
 *             that was
 *
 * The broker has at most MF_MQTT_IN_FLIGHT_MAX messages unacknowledged, and we acknowledge in
 * order: so since one that is unacknowledged at most so many came for the first time. Brokers count
 * wrongly (mosquitto 2.0, after each reconnect a few more), so MF_MQTT_SEEN_MAX are kept. Messages
 * that come again are not kept again, or they would push out others.
 *
 * A session that nodes inherit from each other (heirs.h) has records of several nodes, in the order of
 * their numbers. One who is holder no more may have written one: it was not acted upon, and spoils none.
 * Loop thread only.
 */
#ifndef MF_NODE_MQTT_SESSION_H
#define MF_NODE_MQTT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "image/settings.h"
#include "node/mqtt/link.h"
#include "node/mqtt/subscriptions.h"
#include "node/store/store.h"

#define MQTT_TENANT MF_TENANT_NODE
#define MQTT_ID_BYTES 16
#define MQTT_DRAWN_MAX 64u

/* A message received; also a format. */
struct mqtt_seen {
    uint16_t mid;
    uint8_t reserved[6];
    uint64_t hash; /* of topic and payload */
    uint8_t id[MQTT_ID_BYTES];
};
_Static_assert(sizeof(struct mqtt_seen) == 32, "format");

struct mqtt_session {
    struct space *space;        /* NULL: not open                            */
    char prefix[16 + MQTT_CLIENT_BYTES];
    char ring[MF_NAME_BYTES_MAX + 2]; /* "": the session is this node's alone; else NODE/    */
    struct mqtt_seen seen[MF_MQTT_SEEN_MAX]; /* a ring: the last that are kept */
    uint64_t count;             /* that were ever put into it                */
    uint8_t drawn[MQTT_DRAWN_MAX][MQTT_ID_BYTES]; /* ids for the next ones: one system call for many */
    uint32_t undealt;           /* of these, the first so many               */
    uint64_t batch;             /* number of the next one                    */
    struct link loading;        /* records, until all are there              */
    struct mf_buf last_key;     /* of them                                   */
    uint64_t load_ms;           /* the store's now, when loading began       */
    struct mqtt_subscriptions *subscriptions;
    void (*loaded)(struct mqtt_session *session, mf_err err);
};

/* me: NULL, or this node's name among those that inherit the session from each other. */
MF_CHECKED mf_err mqtt_session_open(struct mqtt_session *session, struct store *store,
                                    const char *client, const char *me,
                                    struct mqtt_subscriptions *subscriptions,
                                    void (*loaded)(struct mqtt_session *session, mf_err err));
/* Read what was kept, in place of what is known; loaded() tells, later. After an error: again. */
MF_CHECKED mf_err mqtt_session_load(struct mqtt_session *session, uint64_t now_ms);
void mqtt_session_close(struct mqtt_session *session);

/* What is known of the message: an id of its own, or, of one that is sent again, the one it had.
 * True: it had one. */
bool mqtt_session_see(struct mqtt_session *session, const struct mqtt_incoming *incoming,
                      struct mqtt_seen *seen);

/* Write these down; what the store is asked afterwards takes effect afterwards. count: 1 …
 * MF_MQTT_BATCH_MAX. */
MF_CHECKED mf_err mqtt_session_keep(struct mqtt_session *session, const struct mqtt_seen *seen,
                                    size_t count, const struct store_ask *ask);

/* They are written down: mqtt_session_see() knows them. */
void mqtt_session_kept(struct mqtt_session *session, const struct mqtt_seen *seen);

/* The broker is asked for the filter; it has left it. */
void mqtt_session_filter(struct mqtt_session *session, const struct mqtt_filter *filter,
                         bool there, uint64_t now_ms);

#endif
