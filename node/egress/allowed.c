/* allowed.c: see allowed.h. */
#include "node/egress/allowed.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

struct entry {
    bool http, https; /* which of them it allows        */
    bool below;       /* *.: names below host, not host */
    struct host host;
    uint16_t port_http, port_https;
};

static bool starts(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static mf_err entry_parse(const char *text, struct entry *entry)
{
    *entry = (struct entry){.http = true, .https = true};
    bool scheme = false;
    if (starts(text, "https://") || starts(text, "http://")) {
        scheme = true;
        entry->https = starts(text, "https://");
        entry->http = !entry->https;
        text += entry->https ? 8 : 7;
    }
    if (text[0] == '*' && text[1] == '.') {
        entry->below = true;
        text += 2;
    }
    size_t bytes = strlen(text);
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = strchr(close ? close : text, ':');
    if (bytes > URL_HOST_BYTES_MAX + 8 || (!colon && !scheme))
        return MF_EINVAL;
    size_t host_bytes = colon ? (size_t)(colon - text) : bytes;
    entry->port_http = 80;
    entry->port_https = 443;
    mf_err err = host_parse(text, host_bytes, &entry->host);
    if (!err && colon)
        err = port_parse(colon + 1, bytes - host_bytes - 1, &entry->port_http);
    if (!err && colon)
        entry->port_https = entry->port_http;
    if (!err && entry->below && entry->host.kind != HOST_NAME)
        err = MF_EINVAL;
    return err;
}

mf_err allowed_entry_check(const char *text, struct mf_why *why)
{
    struct entry entry;
    return entry_parse(text, &entry) == MF_OK
               ? MF_OK
               : mf_why(why, MF_EINVAL, "%s: HOST:PORT, *.DOMAIN:PORT, or one of them after "
                                        "https:// or http://", text);
}

static bool matches_host(const struct entry *entry, const struct host *host)
{
    if (!entry->below)
        return entry->host.kind == host->kind && strcmp(entry->host.text, host->text) == 0;
    size_t theirs = strlen(entry->host.text), bytes = strlen(host->text);
    return host->kind == HOST_NAME && bytes > theirs + 1 && host->text[bytes - theirs - 1] == '.' &&
           strcmp(host->text + bytes - theirs, entry->host.text) == 0;
}

static bool matches(const struct entry *entry, const struct url *url)
{
    if (url->https ? !entry->https : !entry->http)
        return false;
    if (url->port != (url->https ? entry->port_https : entry->port_http))
        return false;
    return matches_host(entry, &url->host);
}

/* Of a host that is an address. */
static enum address_kind literal_kind(const struct host *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (host->kind == HOST_IPV4 && inet_pton(AF_INET, host->text, &v4.sin_addr) == 1)
        return address_kind((const struct sockaddr *)&v4, sizeof v4);
    if (host->kind == HOST_IPV6 && inet_pton(AF_INET6, host->text, &v6.sin6_addr) == 1)
        return address_kind((const struct sockaddr *)&v6, sizeof v6);
    return ADDRESS_NEVER;
}

static bool reaches(enum reach reach, enum address_kind kind)
{
    return (reach != REACH_LISTED && kind == ADDRESS_PUBLIC) ||
           (reach == REACH_ANY && kind == ADDRESS_PRIVATE);
}

enum permission egress_permits(const struct egress_rule *rule, const struct url *url)
{
    for (size_t i = 0; i < rule->count; i++) {
        struct entry entry;
        if (entry_parse(rule->entries[i], &entry) == MF_OK && matches(&entry, url))
            return PERMISSION_LISTED;
    }
    if (rule->reach == REACH_LISTED || host_is_localhost(&url->host))
        return PERMISSION_NONE;
    return url->host.kind == HOST_NAME || reaches(rule->reach, literal_kind(&url->host))
               ? PERMISSION_REACH
               : PERMISSION_NONE;
}

bool egress_permits_host(const struct egress_rule *rule, const struct host *host)
{
    for (size_t i = 0; i < rule->count; i++) {
        struct entry entry;
        if (entry_parse(rule->entries[i], &entry) == MF_OK && matches_host(&entry, host))
            return true;
    }
    return false;
}

bool egress_permits_address(const struct egress_rule *rule, enum permission permission,
                            const struct url *url, enum address_kind kind)
{
    if (kind == ADDRESS_NEVER || permission == PERMISSION_NONE)
        return false;
    if (permission == PERMISSION_REACH)
        return reaches(rule->reach, kind);
    if (host_is_localhost(&url->host))
        return kind == ADDRESS_LOOPBACK;
    return kind == ADDRESS_PUBLIC || kind == ADDRESS_PRIVATE || url->host.kind != HOST_NAME;
}
