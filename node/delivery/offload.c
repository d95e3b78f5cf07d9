/*
 * offload.c: see offload.h.
 * Guarantees: each submission is finished once; only what another node took is accepted. At most
 * MF_OFFLOADS_MAX are under way, and no event is posted to an address that its function's
 * settings do not name.
 * Leaves to others: connections and what they may reach (egress/).
 */
#include "node/delivery/offload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/consumer.h"
#include "node/delivery/overload.h"
#include "node/egress/egress.h"
#include "node/functions/function.h"
#include "node/instance/event.h"
#include "node/node.h"

struct offload {
    struct link link; /* in delivery.offloads */
    struct submission *submission;
    struct transfer *transfer;
    char host[URL_HOST_BYTES_MAX + 1];
};

static void answered(void *context, const struct egress_answer *answer);

bool offload_may(const struct settings *settings)
{
    return settings->overload == OVERLOAD_OFFLOAD && settings->offload_url;
}

static void refuse(struct submission *submission, const char *host, const char *why)
{
    char text[384];
    (void)snprintf(text, sizeof text, "its queue is full, and %s did not take the event: %s", host, why);
    delivery_finish(submission, SITUATION_QUEUE_FULL, text);
}

/* The event's own headers; those of the hop and of the attempt are made anew. URL: with the
 * event's path and query. */
static mf_err make(const struct envelope *envelope, struct mf_buf *url, struct field_writer *writer)
{
    static const char *const ours[] = {ATTEMPT_HEADER, "x-start-time", OFFLOADED_HEADER};
    struct field_reader reader;
    struct field field;
    mf_err err = MF_OK;
    field_reader_init(&reader, envelope->fields, envelope->field_bytes, false);
    while (!err && field_next(&reader, &field) == MF_OK) {
        bool own = field.kind != MF_FIELD_HEADER;
        for (size_t i = 0; i < sizeof ours / sizeof ours[0] && !own; i++)
            own = field.name_bytes == strlen(ours[i]) && memcmp(field.name, ours[i], field.name_bytes) == 0;
        if (field.kind == MF_FIELD_PATH && field.value_bytes > 1)
            err = mf_buf_add(url, field.value, field.value_bytes);
        else if (field.kind == MF_FIELD_QUERY && field.value_bytes)
            err = mf_buf_printf(url, "?%.*s", (int)field.value_bytes, field.value);
        else if (!own)
            field_put(writer, MF_FIELD_HEADER, field.name, field.name_bytes, field.value,
                      field.value_bytes);
    }
    field_put(writer, MF_FIELD_HEADER, OFFLOADED_HEADER, sizeof OFFLOADED_HEADER - 1, "1", 1);
    return err ? err : writer->err;
}

/* The place that the settings name is allowed, loopback, too, and nothing else. */
static mf_err post(struct offload *offload, const struct envelope *envelope, const char *base,
                   struct mf_why *why)
{
    struct submission *submission = offload->submission;
    struct node *node = submission->consumer->delivery->node;
    struct field_writer writer;
    struct mf_buf text = {0};
    struct url url;
    char entry[URL_HOST_BYTES_MAX + 16];
    const char *const entries[] = {entry};
    uint8_t *head = malloc(MF_HEAD_BYTES_MAX);
    mf_err err = head ? url_parse(base, strlen(base), &url, why) : MF_ENOMEM;
    if (!err) {
        bool brackets = url.host.kind == HOST_IPV6;
        (void)snprintf(entry, sizeof entry, "%s%s%s:%u", brackets ? "[" : "", url.host.text,
                       brackets ? "]" : "", url.port);
        memcpy(offload->host, url.host.text, sizeof offload->host);
        field_writer_init(&writer, head, MF_HEAD_BYTES_MAX);
        err = mf_buf_add(&text, base, strlen(base));
    }
    if (!err)
        err = make(envelope, &text, &writer);
    if (!err) {
        const struct egress_request request = {
            .method = "POST", .method_bytes = 4,
            .url = (const char *)text.data, .url_bytes = text.bytes,
            .fields = head, .field_bytes = writer.bytes,
            .body = envelope->body, .body_bytes = envelope->body_bytes,
            .deadline_ns = mf_monotonic_ns() + MF_OFFLOAD_MS_MAX * MF_NS_PER_MS,
            .answer_bytes_max = MF_OFFLOAD_ANSWER_BYTES_MAX,
            .rule = {.reach = REACH_LISTED, .entries = entries, .count = 1},
            .done = answered, .context = offload};
        err = egress_send(&node->egress, &request, &offload->transfer, why);
    }
    mf_buf_close(&text);
    free(head);
    return err;
}

void offload_send(struct submission *submission)
{
    struct consumer *consumer = submission->consumer;
    struct delivery *delivery = consumer->delivery;
    const char *base = consumer->function->version->settings.offload_url;
    struct envelope envelope;
    struct mf_why why = {{0}};
    size_t bytes = 0;
    mf_err err = envelope_read(submission->kept, submission->bytes, &envelope, &why);
    if (err || envelope_header(&envelope, OFFLOADED_HEADER, &bytes)) {
        delivery_finish(submission, SITUATION_QUEUE_FULL, NULL);
        return;
    }
    struct offload *offload = delivery->offload_count < MF_OFFLOADS_MAX ? calloc(1, sizeof *offload) : NULL;
    if (!offload) {
        refuse(submission, "offload_url", "as many events are on their way to others as may");
        return;
    }
    offload->submission = submission;
    link_init(&offload->link);
    err = post(offload, &envelope, base, &why);
    if (err) {
        refuse(submission, offload->host[0] ? offload->host : "offload_url", mf_why_text(&why, err));
        free(offload);
        return;
    }
    consumer->operations++;
    delivery->offload_count++;
    list_append(&delivery->offloads, &offload->link);
}

/* Its submission is the caller's to finish. */
static struct submission *end(struct offload *offload)
{
    struct submission *submission = offload->submission;
    submission->consumer->operations--;
    submission->consumer->delivery->offload_count--;
    list_remove(&offload->link);
    return submission;
}

static void answered(void *context, const struct egress_answer *answer)
{
    struct offload *offload = context;
    struct submission *submission = end(offload);
    char words[32];
    (void)snprintf(words, sizeof words, "status %u", answer->status);
    if (!answer->err && answer->status == 202) {
        submission->consumer->outcomes[OUTCOME_OFFLOADED]++;
        overload_offloaded(submission, offload->host);
        delivery_finish(submission, SITUATION_REPLIED, NULL);
    } else {
        mf_log(MF_LOG_WARN, "delivery.not-offloaded", "fn=%s host=%s why=\"%s\"",
               submission->consumer->name, offload->host, answer->err ? answer->words : words);
        refuse(submission, offload->host, answer->err ? answer->words : words);
    }
    free(offload);
}

void offload_close(struct delivery *delivery)
{
    while (!list_empty(&delivery->offloads)) {
        struct offload *offload = list_of(delivery->offloads.next, struct offload, link);
        delivery_finish(end(offload), SITUATION_STOPPING, NULL);
        free(offload);
    }
}
