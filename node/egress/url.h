/*
 * url.h: an http or https URL, taken apart strictly, so that who decides about it and who
 * connects cannot read it in two ways: one host, in one spelling. Refused: other schemes, IPv4
 * addresses that are not four decimal numbers (2130706433, 0x7f.1, 127.1), zones of IPv6
 * addresses, escapes in a host, what is not visible ASCII. Pure functions, any thread.
 */
#ifndef MF_NODE_EGRESS_URL_H
#define MF_NODE_EGRESS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define URL_HOST_BYTES_MAX 253u /* RFC 1035, as text, without a last dot */

enum host_kind { HOST_NAME, HOST_IPV4, HOST_IPV6 };

struct host {
    enum host_kind kind;
    char text[URL_HOST_BYTES_MAX + 1]; /* lower case, no last dot, no brackets */
};

struct url {
    bool https;
    struct host host;
    uint16_t port;      /* the scheme's, where none is given   */
    const char *user;   /* before the @; borrowed; NULL: none  */
    size_t user_bytes;
    const char *path;   /* from its slash or question mark to the fragment; may be empty */
    size_t path_bytes;
};

/* At most MF_URL_BYTES_MAX. MF_EINVAL, MF_ETOOBIG: why it is none. */
MF_CHECKED mf_err url_parse(const char *text, size_t bytes, struct url *url, struct mf_why *why);

/* A host as it stands in a URL, an IPv6 address in brackets. MF_EINVAL: it is none. */
MF_CHECKED mf_err host_parse(const char *text, size_t bytes, struct host *host);
/* 1 … 65535, digits only. */
MF_CHECKED mf_err port_parse(const char *text, size_t bytes, uint16_t *port);

/* scheme://host:port/path?query, which every parser reads alike. */
MF_CHECKED mf_err url_write(const struct url *url, struct mf_buf *out);

/* This machine by name. */
bool host_is_localhost(const struct host *host);

#endif
