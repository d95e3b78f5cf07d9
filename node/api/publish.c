/* publish.c: POST /v1/publish: a message to the node's broker, as functions publish theirs. */
#include <stdlib.h>
#include <string.h>

#include "node/api/request.h"
#include "node/gateway/answer.h"
#include "node/mqtt/mqtt.h"
#include "node/node.h"

struct publish_job {
    struct mqtt_publisher publisher;
    struct api_request *request;
};

static void answer_err(struct api_request *request, mf_err err, const struct mf_why *why)
{
    uint32_t status = err == MF_EINVAL   ? 400
                      : err == MF_ETOOBIG ? 413
                      : err == MF_EFULL   ? 507
                                          : 503;
    const char *words = err == MF_EDEAD ? "the broker or the store does not answer"
                                        : mf_why_text(why, err);
    api_answer_error(request, status, words);
}

static void published(struct mqtt_publisher *publisher, mf_err err)
{
    struct publish_job *job = list_of(publisher, struct publish_job, publisher);
    struct api_request *request = job->request;
    if (err)
        answer_err(request, err, &(struct mf_why){{0}});
    else
        api_answer(request, 202, answer_text("text/plain", "", 0));
    api_wait_over(request);
}

void api_post_publish(struct api_request *request)
{
    struct publish_job *job = calloc(1, sizeof *job);
    struct MHD_Connection *connection = request->client->connection;
    char topic[MF_TOPIC_BYTES_MAX + 1]; /* one too many is told by who checks it */
    size_t topic_bytes;
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                   MHD_HTTP_HEADER_CONTENT_TYPE);
    struct mf_why why = {{0}};
    if (!api_query_text(request, "topic", topic, sizeof topic, &topic_bytes)) {
        free(job);
        api_answer_error(request, 400, "?topic=: a topic, percent-encoded");
        return;
    }
    if (!job) {
        answer_err(request, MF_ENOMEM, &why);
        return;
    }
    request->publish = job;
    job->request = request;
    job->publisher.done = published;
    const struct mqtt_publication publication = {
        .topic = topic,
        .topic_bytes = topic_bytes,
        .content_type = type ? type : "",
        .content_type_bytes = type ? strlen(type) : 0,
        .payload = request->body.data,
        .bytes = request->body.bytes,
        .qos = (uint8_t)api_query_number(request, "qos", 1, 3),
        .retain = api_query_number(request, "retain", 0, 1) == 1,
    };
    api_wait(request);
    mf_err err = mqtt_publish(&request->api->node->mqtt, &publication, &job->publisher, &why);
    if (!err)
        return;
    answer_err(request, err, &why);
    api_wait_over(request);
}
