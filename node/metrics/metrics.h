/*
 * metrics.h: everything that is counted, in Prometheus' text format. Nothing is
 * sampled but when someone asks. Loop thread only.
 */
#ifndef MF_NODE_METRICS_METRICS_H
#define MF_NODE_METRICS_METRICS_H

#include <microhttpd.h>

#include "base/buf.h"
#include "base/err.h"

struct shard;

MF_CHECKED mf_err metrics_write(struct shard *shard, struct mf_buf *out);

/* NULL: no memory. */
struct MHD_Response *metrics_response(struct shard *shard);

#endif
