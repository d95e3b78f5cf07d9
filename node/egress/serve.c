/*
 * serve.c: see serve.h.
 * Guarantees: each operation is answered once; one whose instance has ended is given up, its
 * connection closed. Leaves to others: what is allowed by address (egress.c), who may ask for a
 * secret at all (operations/permit.c).
 */
#include "node/egress/serve.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"

/* A FETCH under way; operation->server. */
struct fetch {
    struct operation *operation;
    struct transfer *transfer;
    uint8_t body[];
};

/* What a function may name, as lists of strings: borrowed from its version. */
struct permits {
    const char *http[MF_ALLOW_COUNT_MAX];
    const char *secret[2 * MF_ALLOW_COUNT_MAX]; /* those it may read, and those it may only send */
    struct egress_rule rule;
    struct secret_names splice;
};

static void fetch(struct operation *operation);
static void secret(struct operation *operation);
static void answered(void *context, const struct egress_answer *answer);
static void lost(struct operation *operation);

void egress_serve(struct node *node)
{
    node->operations.services.fetch = fetch;
    node->operations.services.secret = secret;
}

static void permits_of(const struct allow *allow, struct permits *permits)
{
    size_t readable = allow_list(allow, ALLOW_SECRETS, permits->secret);
    size_t secrets = readable + allow_list(allow, ALLOW_SPLICE, permits->secret + readable);
    permits->rule = (struct egress_rule){.entries = permits->http,
                                         .count = allow_list(allow, ALLOW_HTTP, permits->http)};
    permits->splice = (struct secret_names){permits->secret, secrets, readable};
}

/* So that the function's owner learns what its settings lack, or where a name has led. */
static void refuse(struct operation *operation, mf_err err, const char *words)
{
    if (err == MF_EDENIED && operation->instance)
        function_log_node(operation->function->log, MF_LOG_WARN, operation->instance->blank.id,
                          "%s is denied: %s", operation_name(operation->request.kind), words);
    operation_refuse(operation, operation_error(err), words);
}

/* Until the event's own end, at most. */
static uint64_t deadline_of(const struct operation *operation)
{
    uint64_t end_ns = operation->instance ? operation->instance->deadline_ns : 0;
    uint32_t ms = operation->request.fetch.timeout_ms;
    uint64_t asked_ns = ms ? mf_monotonic_ns() + ms * MF_NS_PER_MS : TIMER_NEVER;
    return asked_ns < end_ns ? asked_ns : end_ns;
}

static void fetch(struct operation *operation)
{
    struct egress *egress = &operation->node->egress;
    const struct operation_part *part = operation->request.part;
    struct permits permits;
    struct mf_why why = {{0}};
    struct fetch *fetch = malloc(sizeof *fetch + part[PART_BODY].bytes);
    if (!fetch) {
        refuse(operation, MF_ENOMEM, "no memory");
        return;
    }
    *fetch = (struct fetch){.operation = operation};
    memcpy(fetch->body, part[PART_BODY].data, part[PART_BODY].bytes);
    permits_of(&operation->version->settings.allow, &permits);
    const struct egress_request request = {
        .method = (const char *)part[PART_METHOD].data,
        .method_bytes = part[PART_METHOD].bytes,
        .url = (const char *)part[PART_URL].data,
        .url_bytes = part[PART_URL].bytes,
        .fields = part[PART_FIELDS].data,
        .field_bytes = part[PART_FIELDS].bytes,
        .body = fetch->body,
        .body_bytes = part[PART_BODY].bytes,
        .deadline_ns = deadline_of(operation),
        .answer_bytes_max = MF_CHUNK_BYTES_MAX,
        .rule = permits.rule,
        .splice = &permits.splice,
        .under_way = &operation->function->fetches,
        .done = answered,
        .context = fetch};
    mf_err err = egress_send(egress, &request, &fetch->transfer, &why);
    if (err) {
        free(fetch);
        refuse(operation, err, mf_why_text(&why, err));
        return;
    }
    operation->server = fetch;
    operation->lost = lost;
}

static void answered(void *context, const struct egress_answer *answer)
{
    struct fetch *fetch = context;
    struct operation *operation = fetch->operation;
    free(fetch);
    operation->lost = NULL;
    if (answer->err) {
        refuse(operation, answer->err, answer->words);
        return;
    }
    operation_answer(operation, &(struct operation_reply){.value = answer->status,
                                                          .head = answer->fields,
                                                          .head_bytes = answer->field_bytes,
                                                          .data = answer->body,
                                                          .data_bytes = answer->body_bytes});
}

static void lost(struct operation *operation)
{
    struct fetch *fetch = operation->server;
    operation->lost = NULL;
    egress_cancel(fetch->transfer);
    free(fetch);
    operation_refuse(operation, MF_RESULT_UNAVAILABLE, NULL); /* to nobody */
}

static void secret(struct operation *operation)
{
    const struct operation_part *name = &operation->request.part[PART_NAME];
    struct mf_buf value = {0};
    struct mf_why why = {{0}};
    mf_err err = secret_read(operation->node->egress.secrets, (const char *)name->data, name->bytes,
                             &value, &why);
    if (err)
        refuse(operation, err, mf_why_text(&why, err));
    else
        operation_answer(operation, &(struct operation_reply){.data = value.data,
                                                              .data_bytes = value.bytes});
    secret_wipe(&value);
}
