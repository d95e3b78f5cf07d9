/*
 * http_server.h: a libmicrohttpd daemon inside an event loop, and the time that
 * each of its connections may take. Used by the gateway and by the management API.
 * Loop thread only.
 *
 * A connection is always in one phase, each with a bound of its own, so that slow or
 * silent clients cost at most that much time:
 *
 *   HEAD  until a request's fields are complete; an idle connection is here too
 *   BODY  until its body is
 *   WAIT  suspended while the answer is made; gone() tells when the client hangs up
 *   SEND  the answer is on its way
 *
 * A hang-up is noticed by libmicrohttpd itself, but not while it waits, and not when it
 * came together with the last data (it then clears the edge that epoll reported): so
 * who stays in BODY or WAIT for MF_CLIENT_WATCH_MS has its socket watched by us.
 */
#ifndef MF_NODE_GATEWAY_HTTP_SERVER_H
#define MF_NODE_GATEWAY_HTTP_SERVER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "node/loop/list.h"
#include "node/loop/loop.h"

enum client_phase {
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_BODY_WATCHED,
    CLIENT_WAIT,
    CLIENT_WAIT_WATCHED,
    CLIENT_SEND,
    CLIENT_PHASES
};

struct http_server;

/* One connection. Lives from accept to close; request changes. */
struct client {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct link link;          /* in server->phase[phase], in order of until_ns */
    struct watch watch;        /* its socket, in a watched phase                */
    enum client_phase phase;
    uint64_t until_ns;
    void *request;             /* the user's                                    */
    int fd;
};

/* What a server serves. */
struct http_handlers {
    /* A request line has arrived; target is as sent. Sets client->request. */
    void (*begin)(struct client *client, const char *target);
    /* As libmicrohttpd's access handler; first: fields complete, no body yet. */
    enum MHD_Result (*request)(struct client *client, bool first, const char *method,
                               const char *data, size_t *bytes);
    /* The client of a request in WAIT hung up. */
    void (*gone)(struct client *client);
    /* The request is over, answered or not; client->request is forgotten. */
    void (*end)(struct client *client);
    /* A connection is closed, and counted no more. NULL: not asked for. */
    void (*left)(struct http_server *server);
};

/* Does it speak TLS? Of connections that are adopted, too. The certificate: tls.h. */
enum http_security { HTTP_PLAIN, HTTP_TLS };

#define HTTP_SERVER_NO_LISTENER (-1) /* connections come by http_server_adopt() alone */

struct http_server {
    struct loop *loop;
    struct http_handlers handlers;
    void *owner;
    struct MHD_Daemon *daemon;
    int listen_fd;
    int ready_fd;              /* libmicrohttpd's epoll descriptor    */
    uv_poll_t poll;
    struct link phase[CLIENT_PHASES];
    struct timer slow;
    uint32_t clients;
    uint32_t waiting;          /* of them, in WAIT                    */
    bool ready;                /* run it in this turn                 */
    bool closed;               /* a connection, in the run before     */
    bool quiet;                /* accepts no more                     */
    bool poll_open;
};

/* listen_fd becomes the server's. */
MF_CHECKED mf_err http_server_open(struct http_server *server, struct loop *loop, int listen_fd,
                                   enum http_security security, uint32_t connections_max,
                                   const struct http_handlers *handlers, void *owner,
                                   struct mf_why *why);
void http_server_quiet(struct http_server *server);
/* A connection that somebody else has accepted, non-blocking; the server's from now on. */
void http_server_adopt(struct http_server *server, int fd);
/* Is an answer being made or sent? */
bool http_server_busy(const struct http_server *server);
/* Requests that are not answered yet get no answer. */
void http_server_close(struct http_server *server);

/* Let libmicrohttpd work; true if it wants to be run again at once. */
bool http_server_run(struct http_server *server);

/* Before the loop sleeps: arm the timer for the slowest client. */
void http_server_sleep(struct http_server *server);

/* The request waits for its answer: from within handlers->request only. */
void client_suspend(struct client *client);
/* Queue a response, at any time; resumes. The response stays the caller's. */
void client_answer(struct client *client, uint32_t status, struct MHD_Response *response);
/* A response's content reader has nothing now: back to WAIT; it must return 0. */
void client_pause(struct client *client);
/* Now it has, or is to end. Harmless when it does not wait. */
void client_resume(struct client *client);
/* End the connection of a request without an answer. In WAIT, request() is called once
 * more and must return MHD_NO. */
void client_drop(struct client *client);
/* Within handlers->request: the client has so long for its body. */
void client_expect_body(struct client *client);

#endif
