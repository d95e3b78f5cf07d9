/*
 * function.h: what the node keeps of one deployed function, and of each version of
 * it that still has instances. Loop thread only.
 */
#ifndef MF_NODE_FUNCTIONS_FUNCTION_H
#define MF_NODE_FUNCTIONS_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"
#include "image/settings.h"
#include "node/functions/version_image.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/metrics/counters.h"
#include "node/pool/backoff.h"
#include "node/pool/ceiling.h"
#include "node/pool/cpu_meter.h"
#include "node/pool/fair.h"
#include "node/pool/instance.h"
#include "node/pool/noise.h"
#include "node/pool/policy.h"
#include "node/snapshots/snapshots.h"

struct consumer;
struct mqtt_heir;
struct mqtt_subscriber;
struct function_log;
struct function_names;
struct listening;
struct next_step;
struct node;
struct shelf;
struct usage_record;
struct warmth;

/* An image with its settings, as deployed at once. Counted: the function holds one,
 * each of its instances another. */
struct version {
    uint32_t refs;
    struct settings settings;
    char hash[IMAGE_HASH_HEX + 1];
    struct version_image image;
    uint64_t window_bytes;      /* 0: as the image says                               */
    enum mf_sandbox sandbox;    /* in force; AUTO: none can be, see reason            */
    struct shelf *shelf;        /* the pool's, whose blanks its starts take; NULL: not in force */
    char *reason;               /* why this one; owned                                */
    uint64_t deployed_at_ns;    /* CLOCK_REALTIME                                     */
    struct snapshot_status snapshot;
    const char *no_reset;       /* why no instance can be rolled back, static; NULL   */
    int port_fd;                /* where its function is to listen (streams/place.h), until it does; -1 */
};

/* Counted: the registry holds one, each call and each instance another. */
struct function {
    uint32_t refs;
    struct node *node;
    struct link by_name, in_order; /* the registry's                              */
    char name[MF_NAME_BYTES_MAX + 1];
    bool removed;
    struct listening *listening; /* its port of this machine (streams/listen.h); NULL */
    struct function_names *names; /* that it has looked up (streams/names.h); NULL     */
    struct version *version;    /* what new instances run; NULL once removed          */
    char last_hash[IMAGE_HASH_HEX + 1]; /* the image of the version before, which is kept; "": none */

    char *stopped;              /* why it takes no events (delivery/stop.h); NULL: it does; owned */

    struct link queue[PRIORITY_COUNT]; /* calls that no instance has yet, oldest first */
    uint32_t queued;
    struct link idle;           /* instances, the one used last first                 */
    struct link busy;           /* RESTORING and BUSY                                 */
    struct link resetting;      /* the one that began it first comes first            */
    struct link draining;
    uint32_t in_state[INSTANCE_STATES];
    struct timer timer;         /* of the queue's head                                */
    struct event_times times;   /* what its events take                               */
    struct backoff backoff;     /* when it may have another instance                  */
    uint64_t started_ns;        /* the last start of one; 0: none, or one has ended since */
    struct noise noise;         /* what its instances say unasked                     */
    uint32_t fetches;           /* requests to the outside, under way                 */
    uint32_t stream_descriptors; /* of its streams (streams/peer.h)                   */
    uint32_t lookups, lookups_waiting; /* of names, under way and not yet (streams/names.h) */
    uint32_t calls;             /* that it has, waiting or in instances               */
    struct link triggers;       /* in force (triggers/)                               */
    struct consumer *consumer;  /* of its queue (delivery/); NULL: has none           */
    struct mqtt_subscriber *subscriber; /* its MQTT triggers (mqtt/); NULL: has none  */
    struct mqtt_heir *heir;     /* those that one of several nodes hears; NULL: has none */
    struct warmth *warmth;      /* when it is called (warm.h); NULL: not known        */
    struct next_step *next_step; /* what follows it (next_step.h); NULL: nothing      */

    struct link freeze_due;     /* in the freezer's queue                             */
    struct link rehearsal_due;  /* in the rehearsal's (snapshots/rehearsal.h)         */
    struct cpu_meter cpu;
    uint64_t memory_at_ns, memory_mean_bytes; /* of an instance, as last looked at (metrics/memory.h) */
    struct usage_record *usage; /* metrics/usage.h; NULL: no event yet                */
    struct ceiling ceiling;
    struct fair fair;
    struct function_log *log;
    struct function_counters counters;
};

MF_CHECKED mf_err version_create(const struct settings *settings, const char *hash,
                                 enum mf_sandbox sandbox, const char *reason,
                                 struct version **version);
struct version *version_get(struct version *version);
void version_put(struct version *version);

MF_CHECKED mf_err function_create(struct node *node, const char *name,
                                  struct function **function);
struct function *function_get(struct function *function);
void function_put(struct function *function);

/* Instances that can take events now or soon. */
uint32_t function_live(const struct function *function);

#endif
