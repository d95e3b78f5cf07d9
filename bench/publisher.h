/*
 * publisher.h: a client of a broker that publishes, with QoS 1, and costs next to nothing: it writes several
 * messages at once, and is woken for many acknowledgements. Who makes events for a bench shares the processors
 * with what is measured; libmosquitto passes each message to a thread of its own. MQTT 3.1.1. One thread.
 */
#ifndef MF_BENCH_PUBLISHER_H
#define MF_BENCH_PUBLISHER_H

#include <stdint.h>

#include "base/err.h"
#include "bench/broker.h"

#define PUBLISHER_GATHER 20u /* messages of one write */
#define PUBLISHER_MESSAGE_BYTES_MAX 1024u

struct publisher {
    int connection; /* -1: none */
    uint64_t sent, acknowledged;
    uint16_t number; /* of the last message */
    uint32_t gathered;
    size_t bytes; /* not written yet */
    uint8_t out[PUBLISHER_GATHER * PUBLISHER_MESSAGE_BYTES_MAX];
    size_t got;   /* of an acknowledgement that is not whole */
    uint8_t in[4];
};
#define PUBLISHER_NONE ((struct publisher){.connection = -1})

MF_CHECKED mf_err publisher_open(struct publisher *publisher, struct broker *broker, struct mf_why *why);
void publisher_close(struct publisher *publisher);

/* Held back until there are PUBLISHER_GATHER, or a flush. At most window (more than PUBLISHER_ACKS of publisher.c)
 * unacknowledged: waits. topic and payload: PUBLISHER_MESSAGE_BYTES_MAX together, less 16. */
MF_CHECKED mf_err publisher_send(struct publisher *publisher, const char *topic, const char *payload,
                                 uint64_t window, struct mf_why *why);
MF_CHECKED mf_err publisher_flush(struct publisher *publisher, struct mf_why *why);

#endif
