/*
 * metrics.h: everything that is counted, in Prometheus' text format. Nothing is
 * sampled but when someone asks. Loop thread only.
 */
#ifndef MF_NODE_METRICS_METRICS_H
#define MF_NODE_METRICS_METRICS_H

#include <microhttpd.h>

struct shard;

/* Made while it is sent: a family's samples may be of different moments. NULL: no memory. */
struct MHD_Response *metrics_response(struct shard *shard);

#endif
