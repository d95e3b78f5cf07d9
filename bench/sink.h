/*
 * sink.h: a webhook of the bench's own: takes every POST, answers 200 "ok", counts. It has a
 * thread of its own.
 */
#ifndef MF_BENCH_SINK_H
#define MF_BENCH_SINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SINK_CONNECTIONS_MAX 64u
#define SINK_REQUEST_BYTES 16384u

struct sink_connection {
    size_t bytes;
    char text[SINK_REQUEST_BYTES];
};

/* Zero-initialised: none. Stays where it is until it is closed. */
struct sink {
    int listener, stop[2];
    uint16_t port;
    bool runs;
    pthread_t thread;
    atomic_uint_fast64_t taken;
    atomic_uint_fast64_t taken_ns; /* CLOCK_MONOTONIC of the last one */
    struct sink_connection connection[SINK_CONNECTIONS_MAX];
};

MF_CHECKED mf_err sink_open(struct sink *sink, struct mf_why *why);
void sink_close(struct sink *sink);

#endif
