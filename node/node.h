/*
 * node.h: one event loop with everything it serves: a gateway, a pool of
 * instances, the functions. Nothing here is global. One thread, beside which fronts
 * (gateway/front.h) serve HTTP in theirs.
 *
 * A turn of the loop: timers → HTTP → what instances say → doorbells, again and again
 * until nothing is left to do; then every awake instance is told that we sleep, and
 * the loop waits. No timer runs while no call does.
 */
#ifndef MF_NODE_NODE_H
#define MF_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "abi/channel.h"
#include "base/err.h"
#include "node/api/api.h"
#include "node/callbacks/callbacks.h"
#include "node/delivery/delivery.h"
#include "node/egress/egress.h"
#include "node/functions/registry.h"
#include "node/gateway/entrance.h"
#include "node/gateway/gateway.h"
#include "node/gateway/reception.h"
#include "node/logs/function_log.h"
#include "node/loop/budget.h"
#include "node/loop/loop.h"
#include "node/metrics/usage.h"
#include "node/mqtt/mqtt.h"
#include "node/operations/operations.h"
#include "node/options.h"
#include "node/pool/fair.h"
#include "node/pool/pool.h"
#include "node/snapshots/freezer.h"
#include "node/streams/streams.h"
#include "node/triggers/triggering.h"
#include "node/workflows/workflows.h"

struct node {
    const struct options *options;
    struct loop loop;
    uv_signal_t signals[3];
    uint64_t started_at_ns;   /* CLOCK_REALTIME                               */
    struct budget budget;     /* bodies held, of requests and replies         */
    struct logs logs;
    struct registry registry;
    struct workflows workflows;
    struct pool pool;
    struct fairness fairness;
    struct usage usage;
    struct entrance entrance;
    struct gateway gateway;   /* for few connections; more go to fronts       */
    struct reception reception;
    struct api api;
    struct freezer freezer;
    struct streaming streaming; /* connections of functions, raw             */
    struct egress egress;     /* requests to the outside                      */
    struct delivery delivery; /* asynchronous calls; owns the store           */
    struct operations operations; /* what running functions ask for           */
    struct triggering triggering; /* timers, changes of keys, named queues    */
    struct callbacks callbacks; /* word to callers of those that have ended   */
    struct mqtt mqtt;         /* the broker, if there is one                  */
    uint32_t image_checks;    /* of images, beside the loop                   */
    struct timer stop_timer;
    unsigned stops;           /* signals so far                               */
    bool stopping;
    bool open;
    int exit_code;
    uint8_t scratch[MF_CHUNK_BYTES_MAX]; /* a message of a guest, while it is handled */
};

MF_CHECKED mf_err node_open(struct node *node, const struct options *options,
                             struct mf_why *why);
int node_run(struct node *node); /* until it is stopped; the exit code */
void node_close(struct node *node);

#endif
