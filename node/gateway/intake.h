/*
 * intake.h: where a gateway's requests go, and where their answers come from. Functions
 * belong to one loop. A gateway in that loop's own thread uses reception.c directly, one in
 * another thread by way of posts (handoff.c); the requests do not know which.
 *
 *   gateway.c ──▶ knows, submit, cancel, metrics ──▶ reception.c ──▶ pool/dispatch.c
 *             ◀── gateway_answered, _released, …  ◀──
 */
#ifndef MF_NODE_GATEWAY_INTAKE_H
#define MF_NODE_GATEWAY_INTAKE_H

#include <stdbool.h>

struct gateway;
struct outcome;
struct request;

struct intake {
    /* Called by the gateway, in its thread. */
    bool (*knows)(struct gateway *gateway, const char *name); /* is there such a function now? */
    /* Take over a request that is whole, refused or not. gateway_answered() and
     * gateway_released() follow, perhaps at once. */
    void (*submit)(struct request *request);
    /* Nobody waits any more: gateway_released() follows, gateway_answered() does not. */
    void (*cancel)(struct request *request);
    /* gateway_respond() follows, unless the request ends before. */
    void (*metrics)(struct request *request);

    /* Called by the reception, in the functions' thread. */
    void (*answered)(struct request *request, const struct outcome *outcome);
    void (*released)(struct request *request);
    void (*measured)(struct request *request, struct MHD_Response *response);
};

extern const struct intake intake_direct;  /* reception.c */
extern const struct intake intake_handoff; /* handoff.c   */

#endif
