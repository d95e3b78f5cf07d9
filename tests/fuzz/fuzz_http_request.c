/*
 * fuzz_http_request.c: fields of an event, right or not, as a request: refused, or one
 * request, whole, that a reader of requests finds to end where it ends. First byte: the
 * body's length.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kernel/contract/http_message.h"
#include "kernel/contract/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t to[HTTP_REQUEST_BYTES_MAX];
    if (bytes == 0 || bytes - 1 > MF_HEAD_BYTES_MAX)
        return 0;
    struct http_request request = {.host = "localhost:8080", .body_bytes = data[0]};
    int64_t head_bytes = http_request_head(&request, data + 1, (uint32_t)bytes - 1, to, sizeof to);
    if (head_bytes < 0)
        return 0;
    mf_assert(head_bytes > 4 && memcmp(to + head_bytes - 4, "\r\n\r\n", 4) == 0);
    for (int64_t i = 0; i + 4 < head_bytes; i++)
        mf_assert(memcmp(to + i, "\r\n\r\n", 4) != 0);
    for (int64_t i = 0; i < head_bytes; i++)
        mf_assert(to[i] != 0 && (to[i] != '\n' || to[i - 1] == '\r'));

    static struct http_room room;
    struct http_message message;
    struct http_piece piece;
    http_message_begin(&message, HTTP_REQUEST, false, &room);
    size_t taken = http_message_take(&message, to, (size_t)head_bytes, &piece);
    if (message.state == HTTP_WRONG) /* a long target, or method, or value: the reader's bounds */
        return 0;
    mf_assert(message.head_done && taken == (size_t)head_bytes);
    mf_assert(!message.chunked);
    mf_assert(!message.has_length || message.length == request.body_bytes);
    mf_assert(!message.close && !message.keep);
    return 0;
}
