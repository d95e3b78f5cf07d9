/*
 * head.h: one request of the gateway, and the reading of its head: method, target and
 * headers become the event's fields, or a refusal. Loop thread only.
 */
#ifndef MF_NODE_GATEWAY_HEAD_H
#define MF_NODE_GATEWAY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/delivery/delivery.h"
#include "node/events/cloudevent.h"
#include "node/gateway/gateway.h"
#include "node/pool/call.h"

#define REQUEST_INLINE_BYTES 1024 /* of its target and its fields; more goes to the heap */

enum route { ROUTE_FUNCTION, ROUTE_HEALTHZ, ROUTE_METRICS, ROUTE_NOWHERE };

/* What goes from one thread to another with a request (handoff.c). */
struct handoff {
    struct post submit, cancel, answered, released;
    struct outcome outcome;  /* of answered; what it borrows is here: */
    struct mf_buf body;
    void *said;
    struct MHD_Response *response; /* metrics */
};

struct request {
    struct call call;
    struct gateway *gateway;
    struct client *client;   /* NULL: the connection is done with it  */
    struct link link;        /* among the spare ones                  */
    bool held;               /* the intake has it                     */
    bool cancelling;         /* a cancel is on its way to the intake  */
    bool answered;
    bool refused;
    struct outcome refusal;
    bool inside;             /* reception.c: the dispatcher has it    */
    bool settled;            /* reception.c: its answer is given      */
    struct handoff handoff;
    enum route route;
    bool async;              /* accepted when durable, not when answered */
    enum cloudevent_mode event_mode; /* event_request.h: as Content-Type says */
    bool event_binary;       /* has a ce-specversion                  */
    bool event_wanted;       /* as an answer, in structured mode      */
    struct submission submission; /* reception.c: of an async one     */
    uint64_t started_ns;
    uint64_t started_at_ns;  /* CLOCK_REALTIME                        */
    struct mf_buf body;
    size_t charged;          /* of the budget, for the body           */
    size_t reply_charged;    /* the same, for the reply on its way    */
    size_t discarded;
    char name[MF_NAME_BYTES_MAX + 1];
    char call_id[MF_CALL_ID_BYTES_MAX + 1];
    uint8_t *text;           /* the target, later the fields: few or heap */
    uint8_t few[REQUEST_INLINE_BYTES];
};

/* The fields are complete: route, call id, fields. What is wrong is in request->refusal, to be
 * answered when the body is over; true: at once, the client waits for leave to send it, would
 * send more than is worth reading, or does not say how much (the connection ends). */
bool request_read_head(struct request *request, const char *method);

void request_refuse(struct request *request, enum situation situation, const char *message);

/* 400, with a copy of the reason: the fields are gone. */
void request_refuse_why(struct request *request, const struct mf_why *why);

/* In place of what request->text held. text may lie in it. False: no memory. */
bool request_keep_text(struct request *request, const void *text, size_t bytes);

#endif
