/*
 * request.h: from the parts of an HTTP request to an event's fields (abi/event.h).
 * Everything here is a client's. No allocation, no state. Any thread.
 */
#ifndef MF_NODE_GATEWAY_REQUEST_H
#define MF_NODE_GATEWAY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/instance/event.h"

/* A request's target, taken apart; everything borrowed from it. */
struct target {
    const char *name;  /* of /function/NAME; NULL: another path */
    size_t name_bytes;
    bool async;        /* of /async-function/NAME              */
    const char *path;  /* from its slash; "/" where empty        */
    size_t path_bytes;
    const char *query; /* after the question mark; NULL: none    */
    size_t query_bytes;
};

/* Origin form, or absolute form (RFC 9112, 3.2). MF_EINVAL: neither. */
MF_CHECKED mf_err target_parse(const char *text, struct target *target);

/* Method, path and query. Headers follow by request_header(). */
void request_begin(struct field_writer *writer, const char *method, const struct target *target);

/* What the Connection header lists, gathered before the headers are written. */
#define CONNECTION_OPTIONS_MAX 16
struct hop_by_hop {
    struct {
        const char *name;
        size_t bytes;
    } listed[CONNECTION_OPTIONS_MAX];
    unsigned count;
    bool too_many;
};

/* Add the value of one Connection header. */
void hop_by_hop_add(struct hop_by_hop *hops, const char *value, size_t bytes);

/* Does a header stay on this hop (RFC 9110, 7.6.1), or has the node used it up? hops
 * may be NULL: of the fixed ones only. */
bool header_stays(const struct hop_by_hop *hops, const char *name, size_t bytes);

/* Is text usable as a call id that a client chose? Visible ASCII, not too long. */
bool call_id_valid(const char *text, size_t bytes);

#endif
