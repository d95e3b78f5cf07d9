/* json_text.h: any bytes as a JSON string (RFC 8259), quotes included. Any thread. */
#ifndef MF_NODE_LOGS_JSON_TEXT_H
#define MF_NODE_LOGS_JSON_TEXT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Control characters are escaped; a byte that is not UTF-8 becomes U+FFFD. */
MF_CHECKED mf_err json_text_add(struct mf_buf *out, const char *text, size_t bytes);

#endif
