/*
 * devices.h: the devices of the example workflows, played: which message a device sends as its
 * k-th. The same seed makes the same messages. Pure.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include <stddef.h>
#include <stdint.h>

#define TOPIC_BYTES 128
#define PAYLOAD_BYTES 256

struct scene {
    uint64_t seed;
    uint32_t devices;
    int64_t start_s; /* time of the first messages, since 1970         */
    int64_t step_s;  /* between two messages of a device, in its time  */
};

struct message {
    char topic[TOPIC_BYTES];
    char payload[PAYLOAD_BYTES];
};

struct workload {
    const char *name;
    const char *what;
    /* The k-th message of a device (0 … devices - 1). False: it says nothing this time. */
    _Bool (*message)(const struct scene *scene, uint32_t device, uint64_t k, struct message *message);
};

/* NULL: there is none of that name. */
const struct workload *workload_find(const char *name);
const struct workload *workload_at(size_t index); /* NULL: past the last */

#endif
