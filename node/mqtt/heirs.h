/*
 * heirs.h: sessions with the broker that the nodes of a shared store inherit from each other, one for each
 * function that has triggers which one node is to hear (`nodes: one`, the default, and no $share).
 *
 *   deployed ──▶ competes for its lease (lease.h) ──▶ holds it: connected, hears
 *                                 ▲                        │ the node dies, or is cut off
 *                                 └── another node does ◀──┘ with the same client id, so what was not
 *                                                            acknowledged, and what comes, is the broker's to keep
 *   removed ──▶ another node has the function: it is left to that one
 *          └──▶ none has: every filter is left, the session ends
 *
 * The broker sends each message of QoS 1 to one connection of a session, so a message becomes an event once;
 * what it sends again has the id that it had (session.h). The client's id is made of the store, the broker's address
 * and the function's name: nodes that have these in common share the session, and a node that has not a function never
 * stands between its messages and those who have it. Loop thread only.
 */
#ifndef MF_NODE_MQTT_HEIRS_H
#define MF_NODE_MQTT_HEIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/triggers.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/mqtt/intake.h"
#include "node/store/store.h"

struct function;
struct node;

#define MQTT_SCOPE_BYTES 17 /* hexadecimal */

struct mqtt_heirs {
    struct node *node;        /* NULL: the store is this node's alone, or there is no broker  */
    const struct mqtt_broker *broker;
    struct link list;         /* of struct mqtt_heir (heir.h), that are not over              */
    struct link ended;        /* of those that are, until nothing of them is under way        */
    struct space *space;
    char me[MF_NAME_BYTES_MAX + 1];
    char scope[MQTT_SCOPE_BYTES]; /* of store and broker; "": not known yet                   */
    char drawn[MQTT_SCOPE_BYTES]; /* the store's name, if it has none                         */
    struct mqtt_counts ended_counts; /* of theirs                                              */
    struct timer timer;       /* of asking for it again                                       */
    bool quiet;
};

/* me: this node's name, no other's. The store is open. */
MF_CHECKED mf_err mqtt_heirs_open(struct mqtt_heirs *heirs, struct node *node,
                                  const struct mqtt_broker *broker, const char *me);
/* Functions are there. */
void mqtt_heirs_begin(struct mqtt_heirs *heirs);
void mqtt_heirs_quiet(struct mqtt_heirs *heirs);
bool mqtt_heirs_rest(const struct mqtt_heirs *heirs);
void mqtt_heirs_close(struct mqtt_heirs *heirs);

/* Of how many functions this node hears, and of how many it would if another did not. */
void mqtt_heirs_count(const struct mqtt_heirs *heirs, uint32_t *hears, uint32_t *waits);

/* Is the trigger heard by one node? Else by each that has it. */
bool mqtt_heirs_want(const struct trigger *trigger);
/* The function's triggers from now on; NULL: it is going to be removed. */
void mqtt_heirs_set(struct mqtt_heirs *heirs, struct function *function, const struct triggers *triggers);

#endif
