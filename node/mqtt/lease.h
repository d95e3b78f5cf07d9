/*
 * lease.h: which of the nodes that share a store hears for a function: a key of the store with an
 * end, that one writes, and writes again before it comes.
 *
 *           want                  nobody's, or our own life's before
 *     OFF ────────▶ ASKING ──────────────────────────────────────────▶ HELD ─┐ renewed each
 *      ▲              ▲ │ another's                                     │ ▲   │ MF_MQTT_LEASE_BEAT_MS
 *      │   next beat  │ ▼                          another's; or its    │ └───┘
 *      │            WAITING ◀── time is over, and no word of the store ─┘
 *      └── unwanted: given back, from any
 *
 * What a holder does with what it heard it does behind mqtt_lease_check(): a step of the store that says
 * whether it is the holder still. Who was asleep, or cut off, when another took over, learns it there.
 * Clocks of nodes that differ by more than a lease move it once, to the node whose clock is ahead.
 * Loop thread only.
 */
#ifndef MF_NODE_MQTT_LEASE_H
#define MF_NODE_MQTT_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "node/loop/timer.h"
#include "node/store/store.h"

struct node;

#define MQTT_LEASE_TOKEN_BYTES 16
#define MQTT_LEASE_TEXT_BYTES (MF_NAME_BYTES_MAX + 2 + 2 * MQTT_LEASE_TOKEN_BYTES)

enum mqtt_lease_state { LEASE_OFF, LEASE_ASKING, LEASE_WAITING, LEASE_HELD };

struct mqtt_lease {
    struct node *node;
    struct space *space;      /* borrowed                                        */
    struct timer timer;
    enum mqtt_lease_state state;
    char key[MF_KEY_BYTES_MAX + 1];
    char text[MQTT_LEASE_TEXT_BYTES]; /* our node's name, and what no other life of it has */
    char before[MQTT_LEASE_TEXT_BYTES]; /* of our own life before, as it was found; "": none */
    uint64_t until_ns;        /* HELD: no longer without a word of the store     */
    uint64_t asked_ns;        /* when the question was put that is under way     */
    uint32_t hops;            /* questions that followed from an answer, in a row */
    bool asking;              /* one is under way                                */
    uint32_t operations;      /* answers of the store that are to come           */
    void (*changed)(struct mqtt_lease *lease); /* it is HELD; or WAITING, told at each beat */
    void (*rested)(struct mqtt_lease *lease);  /* operations is 0                */
};

/* key: of the lease, in that space. me: this node's name, no other's; at most MF_NAME_BYTES_MAX, no space in it. */
void mqtt_lease_open(struct mqtt_lease *lease, struct node *node, struct space *space, const char *key,
                     const char *me);
void mqtt_lease_want(struct mqtt_lease *lease);
/* Not any more: others need not wait for its end. changed() is not called. */
void mqtt_lease_give(struct mqtt_lease *lease);
/* It may have been lost: ask now. */
void mqtt_lease_doubt(struct mqtt_lease *lease);

/* Is it ours, after all that the store was asked before? done() comes later. MF_EEXIST: it is not; an
 * answer of the store else. From the call itself also MF_EEXIST. */
struct mqtt_lease_check {
    struct mqtt_lease *lease; /* its own affair, as is the next */
    uint64_t asked_ns;
    void (*done)(struct mqtt_lease_check *check, mf_err err);
};
MF_CHECKED mf_err mqtt_lease_check(struct mqtt_lease *lease, struct mqtt_lease_check *check);

#endif
