/* transfer.h: one request on its way. Between the files of this folder. Loop thread only. */
#ifndef MF_NODE_EGRESS_TRANSFER_H
#define MF_NODE_EGRESS_TRANSFER_H

#include "base/buf.h"
#include "node/egress/curl_late.h"
#include "node/egress/egress.h"
#include "node/instance/event.h"

/* Why curl was told to give up; its own error says less. */
enum transfer_stop {
    STOP_NOT,
    STOP_ADDRESS,   /* where it leads is not allowed                 */
    STOP_HEAD,      /* the answer's head is over a bound             */
    STOP_HEADER,    /* a header that is none                         */
    STOP_BODY,      /* the answer's body is over its bound           */
    STOP_BUDGET,    /* the node's memory                             */
};

struct transfer {
    struct link link;            /* in egress.transfers */
    struct egress *egress;
    CURL *easy;
    struct curl_slist *headers;
    struct url url;              /* its pointers: not valid any more */
    enum permission permission;
    enum reach reach;
    uint32_t *under_way;
    void (*done)(void *context, const struct egress_answer *answer);
    void *context;

    enum transfer_stop stop;
    char address[ADDRESS_TEXT_BYTES]; /* that was refused */
    size_t head_bytes;           /* of the answer, all of it */
    struct field_writer writer;  /* of its headers; its data is heap */
    struct mf_buf body;
    size_t body_bytes_max;
    size_t charged;              /* of the budget */
    struct mf_buf *secrets;      /* values that were spliced: an answer must not repeat them */
    size_t secret_count;
};

/* headers.c: the request's, into transfer->headers. */
MF_CHECKED mf_err headers_put(struct transfer *transfer, const struct egress_request *request,
                              struct mf_why *why);

/* wire.c: curl's sockets and times in our loop. */
MF_CHECKED mf_err wire_open(struct egress *egress, struct mf_why *why);
void wire_close(struct egress *egress);
/* Where it may connect; of curl's own options. */
curl_socket_t wire_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address);
/* curl is through with one. */
void transfer_ended(struct transfer *transfer, CURLcode code);

/* answer.c: what curl reads. */
size_t answer_head(char *data, size_t one, size_t bytes, void *context);
size_t answer_body(char *data, size_t one, size_t bytes, void *context);
/* STOP_NOT, code: what it means. False: there is an answer. */
bool answer_failed(const struct transfer *transfer, CURLcode code, mf_err *err, struct mf_why *why);
/* Does it repeat a secret that was sent? */
bool answer_repeats_secret(const struct transfer *transfer);

#endif
