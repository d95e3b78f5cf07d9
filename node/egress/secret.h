/*
 * secret.h: values that are kept outside images, a file each, and put into a request's headers
 * in place of ${secret:NAME}. A value is read when it is used, never kept, wiped after, and
 * never in a message. Loop thread only; a file is small, its read short.
 */
#ifndef MF_NODE_EGRESS_SECRET_H
#define MF_NODE_EGRESS_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* A list of names that a function's settings give; borrowed. */
struct secret_names {
    const char *const *names;
    size_t count;
    size_t readable; /* the first so many it may read, too */
};

/* Of a shorter one nobody can say whether an answer repeats it: it would be found everywhere. So it is put into
 * no header of a function that may not read it. */
#define SECRET_HIDDEN_BYTES_MIN 8u

/* Letters, digits, hyphens, underscores and dots, no dot first: so also a file's name. */
bool secret_name_valid(const char *name, size_t bytes);
bool secret_listed(const struct secret_names *list, const char *name, size_t bytes);

/* The value of the file DIR/NAME, without one newline at its end, added to *out, which the
 * caller ends by secret_wipe(). directory: "": the node has none. MF_ENOENT: no such secret.
 * MF_EDENIED: the file is open to others. why is for the tenant, and names no path: the node's log does. */
MF_CHECKED mf_err secret_read(const char *directory, const char *name, size_t bytes,
                              struct mf_buf *out, struct mf_why *why);
void secret_wipe(struct mf_buf *value);

/* Who knows values: added to *out. */
typedef mf_err (*secret_source)(void *context, const char *name, size_t bytes, struct mf_buf *out,
                                struct mf_why *why);

/* text with each ${secret:NAME} replaced, in *out; spliced: how many were. MF_EINVAL: one that
 * does not end, has no valid name, or whose value does not fit into a header (control
 * characters). MF_ETOOBIG: longer than a header's value may be. On any error *out is wiped. */
MF_CHECKED mf_err secret_splice(const char *text, size_t bytes, secret_source source, void *context,
                                struct mf_buf *out, size_t *spliced, struct mf_why *why);

#endif
