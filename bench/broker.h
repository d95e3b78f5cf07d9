/*
 * broker.h: a private mosquitto, and clients of it: what benches of messages need. One
 * thread, but for the handler of a subscription.
 */
#ifndef MF_BENCH_BROKER_H
#define MF_BENCH_BROKER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/child.h"
#include "bench/scratch.h"

struct mosquitto;

/* Zero-initialised: none. */
struct broker {
    struct child child;
    struct scratch folder;
    uint16_t port;
    char url[40]; /* mqtt://127.0.0.1:PORT */
};

/* With its own defaults, but that it keeps as many messages for a slow client as come, and more lines of
 * its configuration. MF_EUNSUPPORTED: there is no mosquitto here. */
MF_CHECKED mf_err broker_open(struct broker *broker, const char *more, struct mf_why *why);
void broker_close(struct broker *broker);

/* Ask for a sign of life as often as a broker may, and write each down. */
#define BROKER_KEEP_ALIVE_CONFIG "max_keepalive 10\nlog_type debug\n"
/* How many signs of life it has had so far, of all its clients. */
MF_CHECKED mf_err broker_pings(const struct broker *broker, uint64_t *count, struct mf_why *why);

/* A connection with a thread of its own, QoS 1. */
struct broker_client {
    struct mosquitto *client;
    atomic_uint_fast64_t sent, acknowledged, heard;
    atomic_uint_fast64_t heard_ns; /* CLOCK_MONOTONIC of the last one */
};

/* It subscribes to filter (NULL: to nothing). Stays where it is until it is closed. */
MF_CHECKED mf_err broker_connect(const struct broker *broker, const char *filter,
                                 struct broker_client *client, struct mf_why *why);
void broker_disconnect(struct broker_client *client);

/* At most window of them unacknowledged: waits. */
MF_CHECKED mf_err broker_publish(struct broker_client *client, const char *topic,
                                 const char *payload, uint64_t window, struct mf_why *why);

/* Wait until the counter reaches that; MF_ETIMEDOUT. */
MF_CHECKED mf_err broker_await(const atomic_uint_fast64_t *counter, uint64_t value,
                               uint64_t timeout_ns, const char *what, struct mf_why *why);

#endif
