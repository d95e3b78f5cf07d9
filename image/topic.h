/* topic.h: MQTT's topics, as the standard rules them (MQTT 3.1.1 and 5.0, section 4.7). Pure
 * functions, any thread; the text may be hostile. */
#ifndef MF_IMAGE_TOPIC_H
#define MF_IMAGE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"

/* A topic filter: 1 … MF_TOPIC_BYTES_MAX bytes of UTF-8 without control characters; `+` is a
 * whole level, `#` a whole level and the last one. MF_EINVAL says which rule is broken. */
MF_CHECKED mf_err topic_filter_check(const char *filter, size_t bytes, struct mf_why *why);

/* $share/GROUP/FILTER: where FILTER begins; 0: an ordinary one. MF_EINVAL: $share without both. */
MF_CHECKED mf_err topic_shared_prefix(const char *text, size_t bytes, size_t *prefix);

/* The name of a topic: the same without wildcards. */
MF_CHECKED mf_err topic_name_check(const char *name, size_t bytes, struct mf_why *why);

/* Both are checked. A wildcard at a filter's beginning takes no topic that begins with `$`. */
bool topic_filter_takes(const char *filter, size_t filter_bytes, const char *name,
                        size_t name_bytes);

/* Of two checked filters: is there a topic that both take? */
bool topic_filters_meet(const char *one, size_t one_bytes, const char *other, size_t other_bytes);

#endif
