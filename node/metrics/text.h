/*
 * text.h: samples in Prometheus' text format (exposition format 0.0.4). What cannot be written
 * for want of memory stays in err, and nothing follows it. Loop thread only.
 */
#ifndef MF_NODE_METRICS_TEXT_H
#define MF_NODE_METRICS_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "node/metrics/counters.h"

struct function;

struct metrics_text {
    struct mf_buf *out;   /* borrowed                                             */
    mf_err err;
    unsigned looks_left;  /* at instances' memory, in this scrape (memory.h)      */
};

#define text_put(text, ...)                                         \
    do {                                                            \
        if (!(text)->err)                                           \
            (text)->err = mf_buf_printf((text)->out, __VA_ARGS__);  \
    } while (0)

/* The head of a family. */
void text_family(struct metrics_text *text, const char *name, const char *type, const char *help);

/* label: that which has the function's name. */
void text_histogram(struct metrics_text *text, const char *name, const char *label,
                    const struct function *function, const struct histogram *histogram);

void text_summary(struct metrics_text *text, const char *name, const struct function *function,
                  uint64_t sum, uint64_t count);

#endif
