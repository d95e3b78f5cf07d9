/* node_metric.h: a node's metrics, as its management API tells them. */
#ifndef MF_BENCH_NODE_METRIC_H
#define MF_BENCH_NODE_METRIC_H

#include "base/err.h"

/* The value of the series of that name and labels, over the API's Unix socket. MF_ENOENT: it
 * is not among them. */
MF_CHECKED mf_err node_metric(const char *socket_path, const char *series, double *value,
                              struct mf_why *why);

#endif
