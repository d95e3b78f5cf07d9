/*
 * gateway.h: HTTP in front of functions: /function/NAME, /healthz, and /metrics where
 * asked for. Loop thread only.
 */
#ifndef MF_NODE_GATEWAY_GATEWAY_H
#define MF_NODE_GATEWAY_GATEWAY_H

#include <stdint.h>

#include "base/err.h"
#include "node/gateway/call_id.h"
#include "node/gateway/http_server.h"

struct shard;

struct gateway {
    struct shard *shard;
    struct http_server server;
    struct call_ids ids;
    struct link spare;       /* requests to be used again */
    uint32_t spare_count;
    uint16_t port;           /* as bound                  */
};

MF_CHECKED mf_err gateway_open(struct gateway *gateway, struct shard *shard, struct mf_why *why);
void gateway_close(struct gateway *gateway);

#endif
