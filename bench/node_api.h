/* node_api.h: questions to a node's management API, over its Unix socket. */
#ifndef MF_BENCH_NODE_API_H
#define MF_BENCH_NODE_API_H

#include "base/buf.h"
#include "base/err.h"

/* The body of what it answers to GET target, added to *body, a NUL behind it. MF_ENOENT: 404;
 * MF_EIO with why: the node does not answer, or something else. */
MF_CHECKED mf_err node_api_get(const char *socket_path, const char *target, struct mf_buf *body,
                               struct mf_why *why);

/* The value of the metric's series of that name and labels. MF_ENOENT: it is not among them. */
MF_CHECKED mf_err node_api_metric(const char *socket_path, const char *series, double *value,
                                  struct mf_why *why);

#endif
