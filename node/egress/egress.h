/*
 * egress.h: HTTP and HTTPS requests of this node to others, for functions and for itself:
 * libcurl in the node's loop. Certificates are checked; there are no proxies, no cookies, no
 * redirects (the answer 3xx is the answer; whoever wants to follow it asks anew, and is
 * checked anew); nothing wakes while nothing is under way.
 *
 *   egress_send ──▶ url.h: what is it ──▶ allowed.h: by its name? ──▶ libcurl resolves it, in a
 *                   thread ──▶ wire.c: this address? ──▶ connect, TLS, request ──▶ done()
 *
 * Whatever a rule allows, the node's own ports are refused, under whatever address they are
 * reached. Loop thread only.
 */
#ifndef MF_NODE_EGRESS_EGRESS_H
#define MF_NODE_EGRESS_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/egress/allowed.h"
#include "node/egress/secret.h"
#include "node/loop/budget.h"
#include "node/loop/list.h"
#include "node/loop/loop.h"

struct curl_calls;
struct transfer;
struct egress_answer;

#define EGRESS_PORTS_MAX 4u

struct egress {
    struct loop *loop;
    struct budget *budget;     /* of answers                                   */
    const char *ca_file;       /* "": the system's                             */
    const char *secrets;       /* the directory; "": none                      */
    uint16_t own_ports[EGRESS_PORTS_MAX]; /* 0: none                            */
    const struct curl_calls *curl; /* NULL: not loaded yet                      */
    void *multi;
    struct timer timer;
    struct link transfers;
    struct link sockets;
    uint32_t under_way;
    uint64_t sent, failed;     /* that have ended; failed: without an answer   */
};

/* What is borrowed in it is so until egress_send() returns, but for the body: until done(). */
struct egress_request {
    const char *method;        /* a token; NULL: GET, or POST with a body                     */
    size_t method_bytes;
    const char *url;
    size_t url_bytes;
    const uint8_t *fields;     /* headers, as abi/event.h has them, of a reply; others in it are
                                  passed over. Those of the connection, Host and Content-Length
                                  are dropped: they are ours                                  */
    uint32_t field_bytes;
    const uint8_t *body;
    size_t body_bytes;
    uint64_t deadline_ns;      /* CLOCK_MONOTONIC; MF_EGRESS_MS_MAX from now at most           */
    size_t answer_bytes_max;   /* of the answer's body; 0: MF_EGRESS_ANSWER_BYTES_MAX          */
    struct egress_rule rule;
    const struct secret_names *splice; /* that ${secret:NAME} in a header's value may name; NULL:
                                  it is text like any other                                   */
    uint32_t *under_way;       /* how many of its owner are; bounded, counted here; NULL: not  */
    /* Once, from the loop, never from within egress_send(); not after egress_cancel(). */
    void (*done)(void *context, const struct egress_answer *answer);
    void *context;
};

/* Lives until done() returns. */
struct egress_answer {
    mf_err err;                /* 0: there is a status. Else words say why there is not; they
                                  name the host, no path, no header                          */
    const char *words;
    uint32_t status;
    const uint8_t *fields;     /* headers, checked, abi/event.h of a reply; without those of the
                                  connection                                                 */
    uint32_t field_bytes;
    const uint8_t *body;
    size_t body_bytes;
};

void egress_open(struct egress *egress, struct loop *loop, struct budget *budget,
                 const char *ca_file, const char *secrets);
/* A port of the node's own. */
void egress_own_port(struct egress *egress, uint16_t port);
/* Would a connection to that address be one to them? */
bool egress_is_own_port(const struct egress *egress, const struct sockaddr *address, socklen_t bytes);
/* Nothing under way may be waited for any more: done() is not called. */
void egress_close(struct egress *egress);

/* MF_EINVAL: the URL, a header or a secret in it. MF_EDENIED: not allowed by name. MF_ENOENT: no
 * such secret. MF_ETOOBIG: a bound. MF_EAGAIN: as many are under way as may. MF_EUNSUPPORTED: no
 * libcurl. Nothing was sent then, and why says why. *transfer is egress's, until done(). */
MF_CHECKED mf_err egress_send(struct egress *egress, const struct egress_request *request,
                              struct transfer **transfer, struct mf_why *why);
/* Bytes of the request's body that the system has taken, and of the answer's. */
uint64_t egress_moved(const struct transfer *transfer);
/* Not from within its done(). */
void egress_cancel(struct transfer *transfer);

#endif
