/*
 * heir.h: one function's session of those that nodes inherit (heirs.h): its lease, its connection while that is
 * held, and in the store a note that this node has the function. Loop thread only.
 */
#ifndef MF_NODE_MQTT_HEIR_H
#define MF_NODE_MQTT_HEIR_H

#include <stdbool.h>
#include <stdint.h>

#include "node/mqtt/heirs.h"
#include "node/mqtt/intake.h"
#include "node/mqtt/lease.h"

struct mqtt_heir {
    struct link link;
    struct mqtt_heirs *owner;
    struct function *function; /* NULL: it is not ours any more                               */
    char name[MF_NAME_BYTES_MAX + 1];
    char role[MF_NAME_BYTES_MAX + 8];
    struct mqtt_intake intake;
    struct mqtt_subscriber *subscriber;
    struct mqtt_lease lease;
    struct timer later;       /* the session can be ended                                     */
    uint64_t filters;         /* a hash of what this node wants to hear                       */
    bool noted;               /* in the store, that this node has the function                */
    bool looking;             /* for others that have the function                            */
    bool stale;               /* that was asked before the function went: once more           */
    bool alone;               /* none has                                                     */
    bool over;
    uint32_t operations;      /* answers of the store that are to come                        */
};

/* In the owner's list. NULL: no memory. The scope is known. */
struct mqtt_heir *mqtt_heir_create(struct mqtt_heirs *heirs, const char *name);
/* These are the function's triggers from now on, one of them at least is wanted; also of one whose end is under way. */
void mqtt_heir_attach(struct mqtt_heir *heir, struct function *function, const struct triggers *triggers);
/* The function goes, or its triggers: it is left to others, or the session ends. */
void mqtt_heir_detach(struct mqtt_heir *heir);
/* The same while the node stops: the session stays as it is. */
void mqtt_heir_forget(struct mqtt_heir *heir);
/* The node takes no more; then, when there are no more turns, the end. Frees it, now or with the store's last answer. */
void mqtt_heir_quiet(struct mqtt_heir *heir);
void mqtt_heir_close(struct mqtt_heir *heir);

#endif
