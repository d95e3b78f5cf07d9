/*
 * egress.c: see egress.h.
 * Guarantees: nothing is sent that the rule does not allow; done() is called once for what was
 * accepted and not cancelled; of a secret that was spliced nothing is left, and no answer
 * repeats it.
 * Leaves to others: what is allowed (allowed.c), headers (headers.c), sockets (wire.c), answers
 * (answer.c).
 * Owns every transfer.
 */
#include "node/egress/egress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "node/egress/transfer.h"

#define METHOD_BYTES_MAX 32u

static mf_err check(struct egress *egress, const struct egress_request *request, struct url *url,
                    enum permission *permission, struct mf_why *why);
static mf_err set_up(struct transfer *transfer, const struct egress_request *request,
                     struct mf_why *why);
static void transfer_free(struct transfer *transfer);

void egress_open(struct egress *egress, struct loop *loop, struct budget *budget,
                 const char *ca_file, const char *secrets)
{
    *egress = (struct egress){.loop = loop, .budget = budget, .ca_file = ca_file, .secrets = secrets};
    link_init(&egress->transfers);
    link_init(&egress->sockets);
}

void egress_own_port(struct egress *egress, uint16_t port)
{
    size_t at = 0;
    while (at < EGRESS_PORTS_MAX && egress->own_ports[at] != 0 && egress->own_ports[at] != port)
        at++;
    mf_assert(at < EGRESS_PORTS_MAX);
    egress->own_ports[at] = port;
}

void egress_close(struct egress *egress)
{
    if (!egress->loop)
        return;
    while (!list_empty(&egress->transfers))
        egress_cancel(list_of(egress->transfers.next, struct transfer, link));
    wire_close(egress);
}

mf_err egress_send(struct egress *egress, const struct egress_request *request,
                   struct transfer **out, struct mf_why *why)
{
    struct url url;
    enum permission permission = PERMISSION_NONE;
    mf_err err = check(egress, request, &url, &permission, why);
    if (!err)
        err = wire_open(egress, why);
    if (err)
        return err;
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return mf_why(why, MF_ENOMEM, "no memory");
    transfer->egress = egress;
    transfer->url = url;
    transfer->permission = permission;
    transfer->reach = request->rule.reach;
    transfer->done = request->done;
    transfer->context = request->context;
    transfer->body_bytes_max =
        request->answer_bytes_max ? request->answer_bytes_max : MF_EGRESS_ANSWER_BYTES_MAX;
    link_init(&transfer->link);
    err = headers_put(transfer, request, why);
    if (!err)
        err = set_up(transfer, request, why);
    if (!err && egress->curl->multi_add_handle(egress->multi, transfer->easy) != CURLM_OK)
        err = mf_why(why, MF_ENOMEM, "no memory");
    transfer->url.path = transfer->url.user = NULL; /* they were the caller's */
    if (err) {
        transfer_free(transfer);
        return err;
    }
    list_append(&egress->transfers, &transfer->link);
    egress->under_way++;
    transfer->under_way = request->under_way;
    if (transfer->under_way)
        ++*transfer->under_way;
    *out = transfer;
    return MF_OK;
}

/* Out of curl and of all counts; its memory stays. */
static void take_out(struct transfer *transfer)
{
    struct egress *egress = transfer->egress;
    (void)egress->curl->multi_remove_handle(egress->multi, transfer->easy);
    list_remove(&transfer->link);
    egress->under_way--;
    if (transfer->under_way)
        --*transfer->under_way;
}

uint64_t egress_moved(const struct transfer *transfer)
{
    const struct curl_calls *curl = transfer->egress->curl;
    curl_off_t up = 0, down = 0;
    (void)curl->easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    (void)curl->easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    return (uint64_t)up + (uint64_t)down;
}

void egress_cancel(struct transfer *transfer)
{
    take_out(transfer);
    transfer_free(transfer);
}

void transfer_ended(struct transfer *transfer, CURLcode code)
{
    struct egress *egress = transfer->egress;
    struct mf_why why = {{0}};
    struct egress_answer answer = {0};
    long status = 0;
    (void)egress->curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    take_out(transfer);
    if (!answer_failed(transfer, code, &answer.err, &why)) {
        if (status < (long)MF_STATUS_MIN || status > (long)MF_STATUS_MAX)
            answer.err = mf_why(&why, MF_EPROTO, "%s answered with a status that is none",
                                transfer->url.host.text);
        else if (answer_repeats_secret(transfer))
            answer.err = mf_why(&why, MF_EDENIED, "the answer of %s repeats a secret that was sent, "
                                                  "and is withheld", transfer->url.host.text);
    }
    egress->sent++;
    egress->failed += answer.err != MF_OK;
    if (!answer.err) {
        answer.status = (uint32_t)status;
        answer.fields = transfer->writer.data;
        answer.field_bytes = transfer->writer.bytes;
        answer.body = transfer->body.data;
        answer.body_bytes = transfer->body.bytes;
    }
    answer.words = answer.err ? mf_why_text(&why, answer.err) : NULL;
    transfer->done(transfer->context, &answer);
    transfer_free(transfer);
}

static void transfer_free(struct transfer *transfer)
{
    const struct curl_calls *curl = transfer->egress->curl;
    if (transfer->easy)
        curl->easy_cleanup(transfer->easy);
    for (struct curl_slist *at = transfer->headers; at && transfer->secret_count; at = at->next)
        sodium_memzero(at->data, strlen(at->data));
    curl->slist_free_all(transfer->headers);
    for (size_t i = 0; i < transfer->secret_count; i++)
        secret_wipe(&transfer->secrets[i]);
    free(transfer->secrets);
    free(transfer->writer.data);
    mf_buf_close(&transfer->body);
    budget_give(transfer->egress->budget, transfer->charged);
    free(transfer);
}

/* ---- is it to be sent at all ---- */

static bool is_method(const char *text, size_t bytes)
{
    static const char *const not[] = {"CONNECT", "TRACE", "TRACK"}; /* of proxies; repeat headers */
    if (bytes > METHOD_BYTES_MAX)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if ((text[i] < 'A' || text[i] > 'Z') && text[i] != '-' && text[i] != '_')
            return false;
    for (size_t i = 0; i < sizeof not / sizeof not[0]; i++)
        if (strlen(not[i]) == bytes && memcmp(text, not[i], bytes) == 0)
            return false;
    return true;
}

static mf_err check(struct egress *egress, const struct egress_request *request, struct url *url,
                    enum permission *permission, struct mf_why *why)
{
    mf_err err = url_parse(request->url, request->url_bytes, url, why);
    if (err)
        return err;
    if (!is_method(request->method, request->method ? request->method_bytes : 0))
        return mf_why(why, MF_EINVAL, "not a method: capital letters, and none of CONNECT, TRACE");
    if (request->body_bytes && request->method_bytes == 4 && request->method &&
        memcmp(request->method, "HEAD", 4) == 0)
        return mf_why(why, MF_EINVAL, "a HEAD request has no body: another method, or no body");
    *permission = egress_permits(&request->rule, url);
    if (*permission == PERMISSION_NONE)
        return mf_why(why, MF_EDENIED, "%s port %u is not among the places that may be sent to",
                      url->host.text, url->port);
    if (request->body_bytes > MF_EGRESS_BODY_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "a request's body has %u bytes at most",
                      MF_EGRESS_BODY_BYTES_MAX);
    if (egress->under_way >= MF_EGRESS_TRANSFERS_MAX)
        return mf_why(why, MF_EAGAIN, "%u requests of this node are under way already",
                      egress->under_way);
    if (request->under_way && *request->under_way >= MF_EGRESS_OF_ONE_MAX)
        return mf_why(why, MF_EAGAIN, "%u requests of this function are under way already",
                      *request->under_way);
    return MF_OK;
}

/* ---- curl ---- */

static void set_body(struct transfer *transfer, const struct egress_request *request)
{
    const struct curl_calls *curl = transfer->egress->curl;
    CURL *easy = transfer->easy;
    char method[METHOD_BYTES_MAX + 1] = {0};
    if (request->method)
        memcpy(method, request->method, request->method_bytes);
    if (!method[0])
        (void)snprintf(method, sizeof method, "%s", request->body_bytes ? "POST" : "GET");
    bool head = strcmp(method, "HEAD") == 0;
    if (request->body_bytes || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
        strcmp(method, "PATCH") == 0) {
        (void)curl->easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDS,
                                request->body_bytes ? (const char *)request->body : "");
    } else if (head) {
        (void)curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    if (!head)
        (void)curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

/* CURLOPT_…: what a request must not do, and why, stands in README.md. */
static bool set_rules(struct transfer *transfer)
{
    const struct egress *egress = transfer->egress;
    const struct curl_calls *curl = egress->curl;
    CURL *easy = transfer->easy;
    bool listed = transfer->permission == PERMISSION_LISTED;
    return curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, wire_socket) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           (!egress->ca_file[0] ||
            curl->easy_setopt(easy, CURLOPT_CAINFO, egress->ca_file) == CURLE_OK) &&
           curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_FRESH_CONNECT, listed ? 0L : 1L) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_FORBID_REUSE, listed ? 0L : 1L) == CURLE_OK;
}

static mf_err set_up(struct transfer *transfer, const struct egress_request *request,
                     struct mf_why *why)
{
    const struct curl_calls *curl = transfer->egress->curl;
    struct mf_buf url = {0};
    uint64_t now_ns = mf_monotonic_ns();
    uint64_t left_ms = request->deadline_ns > now_ns ? (request->deadline_ns - now_ns) / MF_NS_PER_MS : 0;
    if (left_ms == 0)
        return mf_why(why, MF_ETIMEDOUT, "no time is left for a request");
    long ms = left_ms < MF_EGRESS_MS_MAX ? (long)left_ms : (long)MF_EGRESS_MS_MAX;
    CURL *easy = transfer->easy = curl->easy_init();
    mf_err err = url_write(&transfer->url, &url);
    bool set = easy && !err && set_rules(transfer) &&
               curl->easy_setopt(easy, CURLOPT_URL, (const char *)url.data) == CURLE_OK &&
               curl->easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
               curl->easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK;
    mf_buf_close(&url);
    if (!set)
        return mf_why(why, MF_ENOMEM, "libcurl refuses what a request needs, or there is no memory");
    (void)curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms);
    (void)curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)MF_EGRESS_CONNECT_MS);
    (void)curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, answer_head);
    (void)curl->easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    (void)curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_body);
    (void)curl->easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    set_body(transfer, request);
    return MF_OK;
}
