/*
 * api.h: the management API, HTTP on a socket in the state directory and, if asked for,
 * on TCP with a token. docs/openapi.yml describes it. Loop thread only.
 */
#ifndef MF_NODE_API_API_H
#define MF_NODE_API_API_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "node/api/fresh.h"
#include "node/functions/deploy.h"
#include "node/functions/state_dir.h"
#include "node/gateway/http_server.h"
#include "node/options.h"

struct node;

struct api {
    struct node *node;
    struct http_server local;  /* the Unix socket         */
    struct http_server remote; /* TCP; not always         */
    struct state_dir state;
    struct deploy_rules rules;
    uint8_t token_hash[32];    /* of the bearer token     */
    uint16_t port;             /* of remote; 0: none      */
    uint64_t last_upload;
    struct fresh_images fresh;
    uint32_t followers;
    uint32_t jobs;             /* beside the loop         */
    uint32_t newcomers;        /* of them, deployments of functions that are not here yet */
};

/* After the state directory, pool and registry are open. */
MF_CHECKED mf_err api_open(struct api *api, struct node *node, struct mf_why *why);
void api_quiet(struct api *api); /* no more connections; ends those that follow logs */
void api_close(struct api *api);

#endif
