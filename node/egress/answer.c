/*
 * answer.c: what a server answers, as curl reads it: head into fields, body into memory that
 * the node's budget knows, each up to its bound; and in words, what went wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "node/egress/transfer.h"
#include "node/gateway/request.h"

static size_t stop(struct transfer *transfer, enum transfer_stop why)
{
    transfer->stop = why;
    return CURL_WRITEFUNC_ERROR;
}

static void begin_head(struct transfer *transfer)
{
    uint8_t *data = transfer->writer.data;
    if (!data)
        data = malloc(MF_HEAD_BYTES_MAX);
    field_writer_init(&transfer->writer, data, data ? MF_HEAD_BYTES_MAX : 0);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A line: "Name: value". Interim answers (1xx) and trailers come by, too: the fields are those
 * of the last head, and of what came after. */
size_t answer_head(char *line, size_t one, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t all = one * count, bytes = all;
    if (bytes > MF_EGRESS_HEAD_BYTES_MAX - transfer->head_bytes)
        return stop(transfer, STOP_HEAD);
    transfer->head_bytes += bytes;
    while (bytes > 0 && blank(line[bytes - 1]))
        bytes--;
    if (bytes >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        begin_head(transfer);
        return transfer->writer.data ? all : stop(transfer, STOP_BUDGET);
    }
    const char *colon = memchr(line, ':', bytes);
    if (bytes == 0)
        return all;
    if (!colon || !transfer->writer.data)
        return stop(transfer, STOP_HEADER);
    size_t name_bytes = (size_t)(colon - line);
    const char *value = colon + 1, *end = line + bytes;
    while (value < end && blank(*value))
        value++;
    if (header_stays(NULL, line, name_bytes)) /* on its hop */
        return all;
    field_put(&transfer->writer, MF_FIELD_HEADER, line, name_bytes, value, (size_t)(end - value));
    if (transfer->writer.err)
        return stop(transfer, transfer->writer.err == MF_ETOOBIG ? STOP_HEAD : STOP_HEADER);
    return all;
}

size_t answer_body(char *data, size_t one, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t bytes = one * count;
    if (bytes > transfer->body_bytes_max - transfer->body.bytes)
        return stop(transfer, STOP_BODY);
    size_t room = mf_buf_room_after(&transfer->body, bytes);
    if (!budget_take(transfer->egress->budget, room - transfer->charged))
        return stop(transfer, STOP_BUDGET);
    transfer->charged = room;
    return mf_buf_add(&transfer->body, data, bytes) ? stop(transfer, STOP_BUDGET) : bytes;
}

static mf_err stopped(const struct transfer *transfer, struct mf_why *why)
{
    const char *host = transfer->url.host.text;
    switch (transfer->stop) {
    case STOP_ADDRESS:
        return mf_why(why, MF_EDENIED, "%s is at %s, where nothing may be sent to: loopback, "
                      "link-local and the node's own ports need an entry that names them, or are "
                      "never allowed", host, transfer->address);
    case STOP_HEAD:
        return mf_why(why, MF_ETOOBIG, "the answer of %s has more headers than %u, or over %u bytes "
                      "of them", host, MF_FIELDS_MAX, MF_HEAD_BYTES_MAX);
    case STOP_HEADER:
        return mf_why(why, MF_EPROTO, "the answer of %s has a header that is none", host);
    case STOP_BODY:
        return mf_why(why, MF_ETOOBIG, "the answer of %s is over %zu bytes", host,
                      transfer->body_bytes_max);
    default:
        return mf_why(why, MF_EAGAIN, "the node has no memory left for the answer of %s", host);
    }
}

bool answer_failed(const struct transfer *transfer, CURLcode code, mf_err *err, struct mf_why *why)
{
    const char *host = transfer->url.host.text;
    const char *words = transfer->egress->curl->easy_strerror(code);
    if (code == CURLE_OK)
        return false;
    if (transfer->stop != STOP_NOT) {
        *err = stopped(transfer, why);
        return true;
    }
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        *err = mf_why(why, MF_ETIMEDOUT, "%s did not answer in time", host);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        *err = mf_why(why, MF_EIO, "the name %s is not known to the resolver, or it does not answer",
                      host);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        *err = mf_why(why, MF_EPROTO, "the certificate of %s does not hold: unknown issuer, expired, "
                                       "or another host's", host);
        break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
        *err = mf_why(why, MF_EPROTO, "no TLS with %s: %s", host, words);
        break;
    case CURLE_COULDNT_CONNECT:
        *err = mf_why(why, MF_EIO, "%s port %u takes no connection", host, transfer->url.port);
        break;
    case CURLE_OUT_OF_MEMORY:
        *err = mf_why(why, MF_ETOOBIG, "a header of %s is over 100 KiB, or there is no memory", host);
        break;
    default:
        *err = mf_why(why, MF_EIO, "%s: %s", host, words);
    }
    return true;
}

static bool holds(const void *data, size_t bytes, const struct mf_buf *value)
{
    return data && value->bytes >= SECRET_HIDDEN_BYTES_MIN &&
           memmem(data, bytes, value->data, value->bytes) != NULL;
}

bool answer_repeats_secret(const struct transfer *transfer)
{
    for (size_t i = 0; i < transfer->secret_count; i++) {
        const struct mf_buf *value = &transfer->secrets[i];
        if (holds(transfer->writer.data, transfer->writer.bytes, value) ||
            holds(transfer->body.data, transfer->body.bytes, value))
            return true;
    }
    return false;
}
