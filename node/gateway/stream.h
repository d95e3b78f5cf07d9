/*
 * stream.h: a response that is made while it is sent, some KiB at a time, as the client
 * takes it: so that one about ten thousand functions neither holds the loop nor is held in
 * memory whole. Between two pieces anything may change. Loop thread only.
 */
#ifndef MF_NODE_GATEWAY_STREAM_H
#define MF_NODE_GATEWAY_STREAM_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct stream_maker {
    /* Append a little to out, or now and then nothing: what takes well below a millisecond.
     * *ended: that was all. An error breaks the connection, so that the client knows that it has not got all. */
    mf_err (*more)(void *source, struct mf_buf *out, bool *ended);
    void (*close)(void *source); /* the response is sent, or will not be */
};

/* Takes over source, whatever comes. NULL: no memory. */
struct MHD_Response *stream_response(const char *type, const struct stream_maker *maker,
                                     void *source);

#endif
