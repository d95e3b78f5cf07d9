/*
 * reason.h: why an event is a dead letter: words, and behind them, in lines of its own, what the kernel of
 * the instance told of its fault (logs/console.h). Pure functions.
 */
#ifndef MF_NODE_DELIVERY_REASON_H
#define MF_NODE_DELIVERY_REASON_H

#include "base/buf.h"
#include "base/err.h"

struct outcome;

/* "…: words (instance 7)" and the report, together at most MF_QUEUE_REASON_BYTES_MAX. MF_ENOMEM: a part. */
MF_CHECKED mf_err reason_write(struct mf_buf *reason, const char *words, size_t bytes,
                               const struct outcome *outcome);

/* How many bytes of a reason are words; the report, if there is one, is what follows a newline then. */
size_t reason_words(const char *reason, size_t bytes);

#endif
