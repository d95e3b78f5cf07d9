/*
 * gateway.h: HTTP in front of functions: /function/NAME, /healthz, and /metrics where
 * asked for. Several may run, each in a loop of its own (front.h); the connections come
 * from entrance.h. Thread: its loop's.
 */
#ifndef MF_NODE_GATEWAY_GATEWAY_H
#define MF_NODE_GATEWAY_GATEWAY_H

#include <stdint.h>

#include "abi/event.h"
#include "base/err.h"
#include "node/gateway/call_id.h"
#include "node/gateway/http_server.h"
#include "node/gateway/intake.h"
#include "node/loop/budget.h"
#include "node/options.h"

struct outcome;
struct request;
struct node;

struct gateway {
    struct loop *loop;
    struct node *node;     /* whose functions it serves; of another thread: see intake.h */
    const struct options *options;
    struct budget *budget;   /* of bodies, shared with the other gateways                  */
    const struct intake *intake;
    struct http_server server;
    struct call_ids ids;
    struct link spare;       /* requests to be used again */
    uint32_t spare_count;
    bool stopping;           /* requests are refused, connections end with their answer */
    uint8_t scratch[MF_HEAD_BYTES_MAX]; /* fields of a head that is being read */
};

/* left: as of struct http_handlers; owner: what it finds in server->owner's gateway. */
MF_CHECKED mf_err gateway_open(struct gateway *gateway, struct loop *loop, struct node *node,
                               const struct intake *intake,
                               void (*left)(struct http_server *server), struct mf_why *why);
/* No new requests: those that come are refused. */
void gateway_quiet(struct gateway *gateway);
/* Nothing of it is with the dispatcher any more. */
void gateway_close(struct gateway *gateway);

/* What becomes of a request (intake.h). All in the gateway's thread. */
void gateway_answered(struct request *request, const struct outcome *outcome);
void gateway_released(struct request *request);
void gateway_cancel_heard(struct request *request); /* of an intake that says so (request->cancelling) */
void gateway_respond(struct request *request, uint32_t status, struct MHD_Response *response);

#endif
