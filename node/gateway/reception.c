/*
 * reception.c: see reception.h.
 * Guarantees: each request is answered once, unless cancelled, and released once; what is
 * answered is counted. Leaves to others: which instance (pool/choice.c), what an answer
 * looks like (gateway.c). Owns the reports that are being written.
 */
#include "node/gateway/reception.h"

#include <stdlib.h>
#include <string.h>

#include "node/functions/function.h"
#include "node/functions/registry.h"
#include "node/gateway/event_request.h"
#include "node/gateway/head.h"
#include "node/metrics/metrics.h"
#include "node/pool/dispatch.h"
#include "node/node.h"

#define STATUS_CLIENT_GONE 499 /* in metrics only; as nginx counts it */

struct report {
    struct link link;
    struct request *request;
    struct metrics_writer *writer;
    struct mf_buf text;
};

static void accept_event(struct request *request, struct function *function);
static void done(struct call *call, const struct outcome *outcome);
static void release(struct call *call);

void reception_init(struct reception *reception)
{
    link_init(&reception->reports);
}

void reception_submit(struct request *request)
{
    struct node *node = request->gateway->node;
    struct call *call = &request->call;
    struct function *function = registry_find(&node->registry, request->name);
    call->done = done;
    call->release = release;
    request->inside = true;
    if (!request->refused && !function)
        request_refuse(request, SITUATION_UNKNOWN_FUNCTION, NULL);
    if (!request->refused && node->stopping) /* a front has not heard of it yet */
        request_refuse(request, SITUATION_STOPPING, NULL);
    if (!request->refused && request->async) {
        accept_event(request, function);
        return;
    }
    if (!request->refused) {
        dispatch_submit(function, call);
        return;
    }
    call->function = function;
    done(call, &request->refusal);
    call->function = NULL;
    release(call);
}

void reception_cancel(struct request *request)
{
    struct node *node = request->gateway->node;
    if (!request->inside || request->settled)
        return;
    if (request->async) { /* its event is on its way to the disk: it is kept, nobody hears of it */
        request->call.cancelled = true;
        return;
    }
    count_answer(&request->call.function->counters, STATUS_CLIENT_GONE,
                 node->loop.now_ns - request->started_ns);
    dispatch_cancel(&request->call);
}

/* A reply counts until its client has taken it, who may be slow: what the dispatcher has
 * charged for it is the request's from now on, and what came in one message is charged here. */
static bool charge_reply(struct request *request, const struct outcome *outcome)
{
    struct call *call = &request->call;
    size_t bytes = outcome->body_owner ? outcome->body_owner->room : outcome->body_bytes;
    mf_assert(call->reply_charged <= bytes);
    if (!budget_take(request->gateway->budget, bytes - call->reply_charged))
        return false;
    request->reply_charged = bytes;
    call->reply_charged = 0;
    return true;
}

static void done(struct call *call, const struct outcome *outcome)
{
    static const struct outcome full = {.situation = SITUATION_NODE_FULL};
    struct request *request = list_of(call, struct request, call);
    if (outcome->situation == SITUATION_REPLIED && !charge_reply(request, outcome))
        outcome = &full;
    uint32_t status = outcome->situation == SITUATION_REPLIED ? outcome->status
                                                              : situation_status(outcome->situation);
    if (call->function)
        count_answer(&call->function->counters, status,
                     request->gateway->node->loop.now_ns - request->started_ns);
    request->settled = true;
    request->gateway->intake->answered(request, outcome);
}

static void release(struct call *call)
{
    struct request *request = list_of(call, struct request, call);
    request->inside = false;
    request->gateway->intake->released(request);
}

/* The store has it, or will not. The function's own counters are of what it answers itself. */
static void accepted(struct submission *submission, enum situation situation, const char *message)
{
    struct request *request = list_of(submission, struct request, submission);
    const struct outcome outcome = {.situation = situation,
                                    .status = 202,
                                    .message = message,
                                    .message_bytes = message ? strlen(message) : 0};
    request->settled = true;
    if (!request->call.cancelled)
        request->gateway->intake->answered(request, &outcome);
    release(&request->call);
}

/* All of a batch, or none. */
static void accept_batch(struct request *request, struct function *function)
{
    struct event_batch batch;
    struct mf_why why = {{0}};
    mf_err err = event_batch_make(request, &batch, &why);
    if (!err && batch.count > 0)
        delivery_submit_all(function, batch.each, batch.count, &request->submission);
    else if (!err)
        accepted(&request->submission, SITUATION_REPLIED, NULL); /* none: that is soon done */
    else
        accepted(&request->submission, err == MF_ENOMEM ? SITUATION_NODE_FULL : SITUATION_BAD_REQUEST,
                 why.text[0] ? why.text : NULL);
    event_batch_close(&batch);
}

static void accept_event(struct request *request, struct function *function)
{
    const struct call *call = &request->call;
    request->submission.done = accepted;
    if (request->event_mode == CLOUDEVENT_BATCH) {
        accept_batch(request, function);
        return;
    }
    const struct envelope envelope = {.arrived_ns = request->started_at_ns,
                                      .call_id = request->call_id,
                                      .call_id_bytes = strlen(request->call_id),
                                      .fields = call->fields,
                                      .field_bytes = call->field_bytes,
                                      .body = call->body,
                                      .body_bytes = call->body_bytes};
    delivery_submit(function, &envelope, &request->submission);
}

void reception_report(struct request *request)
{
    struct node *node = request->gateway->node;
    struct report *report = calloc(1, sizeof *report);
    if (report)
        report->writer = metrics_begin(node);
    if (!report || !report->writer) {
        free(report);
        request->gateway->intake->measured(request, NULL);
        return;
    }
    report->request = request;
    link_init(&report->link);
    list_append(&node->reception.reports, &report->link);
}

static void report_free(struct report *report)
{
    list_remove(&report->link);
    metrics_end(report->writer);
    mf_buf_close(&report->text);
    free(report);
}

static void report_finish(struct report *report)
{
    struct MHD_Response *response = metrics_whole(&report->text);
    report->request->gateway->intake->measured(report->request, response);
    report_free(report);
}

bool reception_turn(struct reception *reception)
{
    if (list_empty(&reception->reports))
        return false;
    struct report *report = list_of(reception->reports.next, struct report, link);
    bool ended = false;
    if (metrics_more(report->writer, &report->text, &ended)) {
        mf_buf_close(&report->text);
        ended = true;
    }
    if (ended)
        report_finish(report);
    return true;
}

void reception_close(struct reception *reception)
{
    while (!list_empty(&reception->reports)) {
        struct report *report = list_of(reception->reports.next, struct report, link);
        report->request->gateway->intake->measured(report->request, NULL);
        report_free(report);
    }
}

/* ---- for the gateway of the functions' own thread ---- */

static bool knows(struct gateway *gateway, const char *name)
{
    return registry_find(&gateway->node->registry, name) != NULL;
}

static void respond_with_metrics(struct request *request)
{
    gateway_respond(request, 200, metrics_response(request->gateway->node));
}

const struct intake intake_direct = {
    .knows = knows,
    .submit = reception_submit,
    .cancel = reception_cancel,
    .metrics = respond_with_metrics,
    .answered = gateway_answered,
    .released = gateway_released,
};
