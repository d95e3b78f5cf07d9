/*
 * handoff.c: requests of a gateway in a thread of its own, handed to the functions' loop
 * and their answers back, by posts (loop/inbox.h). A request is one thread's at a time:
 *
 *   gateway's thread   submit ─────────────┐            ┌─▶ answered ──▶ released
 *                          (cancel ──────┐ │            │      ▲            ▲
 *   functions' thread                    ▼ ▼            │      │            │
 *                                    reception.c ───────┴──────┴────────────┘
 *
 * In between the gateway touches only the connection; `call`, and what it points to, is the
 * functions'. A cancel may cross a release; it is sent back (gateway_cancel_heard()), and the
 * request waits for it, for its post is in the functions' inbox until then.
 */
#include <stdlib.h>
#include <string.h>

#include "node/functions/registry.h"
#include "node/gateway/head.h"
#include "node/gateway/intake.h"
#include "node/gateway/reception.h"
#include "node/node.h"

#define request_of(post_, member) list_of(post_, struct request, handoff.member)

static void to_functions(struct request *request, struct post *post,
                         void (*arrive)(struct post *post))
{
    inbox_put(&request->gateway->node->loop.inbox, post, arrive);
}

static void to_gateway(struct request *request, struct post *post,
                       void (*arrive)(struct post *post))
{
    inbox_put(&request->gateway->loop->inbox, post, arrive);
}

/* ---- there ---- */

static bool knows(struct gateway *gateway, const char *name)
{
    return registry_knows(&gateway->node->registry, name);
}

static void submitted(struct post *post)
{
    reception_submit(request_of(post, submit));
}

static void submit(struct request *request)
{
    to_functions(request, &request->handoff.submit, submitted);
}

static void cancel_heard(struct post *post)
{
    gateway_cancel_heard(request_of(post, cancel));
}

static void cancelled(struct post *post)
{
    struct request *request = request_of(post, cancel);
    reception_cancel(request);
    to_gateway(request, post, cancel_heard);
}

static void cancel(struct request *request)
{
    request->cancelling = true;
    to_functions(request, &request->handoff.cancel, cancelled);
}

static void report_wanted(struct post *post)
{
    reception_report(request_of(post, submit));
}

static void want_metrics(struct request *request)
{
    request->held = true;
    to_functions(request, &request->handoff.submit, report_wanted);
}

/* ---- and back ---- */

/* All that the outcome borrows, in one piece of memory; a body that can be taken is. */
static bool keep(struct handoff *handoff, const struct outcome *outcome)
{
    struct outcome *kept = &handoff->outcome;
    size_t body = outcome->body_owner ? 0 : outcome->body_bytes;
    uint8_t *at = malloc(outcome->field_bytes + outcome->message_bytes + body + 1);
    if (!at)
        return false;
    *kept = *outcome;
    handoff->said = at;
    if (outcome->field_bytes)
        kept->fields = memcpy(at, outcome->fields, outcome->field_bytes);
    at += outcome->field_bytes;
    if (outcome->message_bytes)
        kept->message = memcpy(at, outcome->message, outcome->message_bytes);
    at += outcome->message_bytes;
    if (body)
        kept->body = memcpy(at, outcome->body, body);
    if (outcome->body_owner) {
        handoff->body = *outcome->body_owner;
        *outcome->body_owner = (struct mf_buf){0};
        kept->body_owner = &handoff->body;
    }
    return true;
}

static void answer_came(struct post *post)
{
    struct request *request = request_of(post, answered);
    struct handoff *handoff = &request->handoff;
    if (!request->answered)
        gateway_answered(request, &handoff->outcome);
    mf_buf_close(&handoff->body);
    free(handoff->said);
    handoff->said = NULL;
}

static void answered(struct request *request, const struct outcome *outcome)
{
    if (!keep(&request->handoff, outcome))
        request->handoff.outcome = (struct outcome){.situation = SITUATION_NODE_FULL};
    to_gateway(request, &request->handoff.answered, answer_came);
}

static void release_came(struct post *post)
{
    gateway_released(request_of(post, released));
}

static void released(struct request *request)
{
    to_gateway(request, &request->handoff.released, release_came);
}

static void metrics_came(struct post *post)
{
    struct request *request = request_of(post, answered);
    struct MHD_Response *response = request->handoff.response;
    if (!request->answered)
        gateway_respond(request, 200, response);
    else if (response)
        MHD_destroy_response(response);
    gateway_released(request);
}

static void measured(struct request *request, struct MHD_Response *response)
{
    request->handoff.response = response;
    to_gateway(request, &request->handoff.answered, metrics_came);
}

const struct intake intake_handoff = {
    .knows = knows,
    .submit = submit,
    .cancel = cancel,
    .metrics = want_metrics,
    .answered = answered,
    .released = released,
    .measured = measured,
};
