/*
 * metrics.h: everything that is counted, in Prometheus' text format. Nothing is
 * sampled but when someone asks. Loop thread only.
 */
#ifndef MF_NODE_METRICS_METRICS_H
#define MF_NODE_METRICS_METRICS_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct metrics_writer;
struct node;

/* Made while it is sent: a family's samples may be of different moments. NULL: no memory. */
struct MHD_Response *metrics_response(struct node *node);

/* The same for who writes it down first: begin, more until *ended, end; then what was written
 * as a response, which takes it over. NULL: no memory, or nothing was written. */
struct metrics_writer *metrics_begin(struct node *node);
MF_CHECKED mf_err metrics_more(struct metrics_writer *writer, struct mf_buf *out, bool *ended);
void metrics_end(struct metrics_writer *writer);
struct MHD_Response *metrics_whole(struct mf_buf *text);

#endif
