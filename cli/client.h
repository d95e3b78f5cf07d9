/*
 * client.h: the node's management API (docs/openapi.yml) and its gateway, as the
 * commands use them. What the node sends is bounded and checked like any input.
 * One thread; one request at a time.
 */
#ifndef MF_CLI_CLIENT_H
#define MF_CLI_CLIENT_H

#include <curl/curl.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define CLIENT_ADDRESS_MAX 1024
#define CLIENT_ANSWER_BYTES_MAX (64u << 20)

/* A line of every command's option table that talks to the node. */
#define CLIENT_KEY_NODE (CLI_LONG + 100)
#define CLIENT_OPTION_NODE \
    {"node", CLIENT_KEY_NODE, "ADDRESS", "unix:PATH or http://HOST:PORT (default: $MAYFLY_NODE)"}

struct client {
    CURL *curl;
    struct curl_slist *headers;
    char socket[PATH_MAX];          /* "" : over TCP                           */
    char base[CLIENT_ADDRESS_MAX];  /* "http://localhost", without a last slash */
    char name[PATH_MAX + 8];        /* as the user knows it, for messages      */
};

struct answer {
    long status;
    struct mf_buf body;
};

/* A certificate that does not hold, in words that help. */
#define CLIENT_UNTRUSTED "its certificate does not hold: unknown issuer, expired, or another " \
                         "host's; MAYFLY_CA names a file of issuers to trust"
/* Whom to believe, for whatever asks by TLS: $MAYFLY_CA, else the system's. */
void client_trust(CURL *curl);

/* address: what --node said, or NULL: $MAYFLY_NODE, else the socket in the state directory.
 * Connects to nothing yet. Returns a cli_exit, explained. */
int client_open(struct client *client, const char *address);
void client_close(struct client *client);

struct request {
    const char *method;
    const char *path;         /* "/v1/functions"                                   */
    const void *data;         /* the body; NULL: none                              */
    size_t bytes;
    const char *content_type; /* of data                                           */
    const char *label;        /* of a progress bar for the upload; NULL: none      */
    /* Where the answer goes piece by piece if its status is below 400; NULL: to answer.body.
     * false ends the request. */
    bool (*piece)(void *context, const char *data, size_t bytes);
    void *context;
};

/* CLI_OK: there is an answer, whatever its status. Else explained. Close the body. */
int client_call(struct client *client, const struct request *request, struct answer *answer);

/* For an answer with status 400 or more: say what the node said. Returns a cli_exit. */
int client_refused(const struct answer *answer, const char *doing);

/* Parse the JSON of one below 400: *json is the caller's. */
int client_answer(const struct client *client, const struct answer *answer, const char *doing, json_t **json);

/* What it said: the caller's to free; NULL: nothing. */
char *client_said(const struct answer *answer);

/* Call, refuse what is not below 400, parse the JSON answer: *json is the caller's. */
int client_json(struct client *client, const struct request *request, const char *doing,
                json_t **json);

/* Ends the program with CLI_USAGE if name could not be a function's. */
void client_check_name(const char *name);

/* The gateway's address, as the node tells it. */
int client_gateway(struct client *client, char address[static CLIENT_ADDRESS_MAX]);

#endif
