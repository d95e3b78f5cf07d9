/* outward.c: see outward.h. */
#include "node/streams/outward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/egress/allowed.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/pool/pool.h"
#include "node/streams/names.h"
#include "node/streams/peer.h"
#include "node/streams/stream.h"

#define CONNECT_TRIES 4 /* SYNs again, after 1, 3, 7, 15 s: then it cannot be reached (tcp(7)) */

static bool permits(const struct egress_rule *rule, struct url *url, enum address_kind kind)
{
    for (int https = 0; https < 2; https++) { /* an entry with a scheme names its port, too */
        url->https = https;
        enum permission permission = egress_permits(rule, url);
        if (permission != PERMISSION_NONE && egress_permits_address(rule, permission, url, kind))
            return true;
    }
    return false;
}

static void literal(const struct sockaddr_storage *address, struct host *host)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    *host = (struct host){.kind = address->ss_family == AF_INET ? HOST_IPV4 : HOST_IPV6};
    if (host->kind == HOST_IPV4) {
        memcpy(&v4, address, sizeof v4);
        (void)inet_ntop(AF_INET, &v4.sin_addr, host->text, sizeof host->text);
    } else {
        memcpy(&v6, address, sizeof v6);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, host->text, sizeof host->text);
    }
}

/* By its address, by each name that it was looked up by, as this machine. *named: the last that
 * was asked for, for the log. */
static bool is_allowed(struct instance *instance, const struct mf_stream_address *asked,
                       const struct sockaddr_storage *address, socklen_t bytes, struct host *named)
{
    const char *entries[MF_ALLOW_COUNT_MAX];
    const struct allow *allow = &instance->version->settings.allow;
    const struct egress_rule rule = {.entries = entries,
                                     .count = allow_list(allow, ALLOW_HTTP, entries)};
    enum address_kind kind = address_kind((const struct sockaddr *)address, bytes);
    struct url url = {.port = asked->port};
    literal(address, &url.host);
    *named = url.host;
    if (permits(&rule, &url, kind))
        return true;
    if (kind == ADDRESS_LOOPBACK) {
        static const struct host machine = {.kind = HOST_NAME, .text = "localhost"};
        url.host = machine;
        if (permits(&rule, &url, kind))
            return true;
    }
    const char *name = NULL;
    while ((name = names_of(instance->function, asked->address, name)) != NULL) {
        url.host.kind = HOST_NAME;
        (void)snprintf(url.host.text, sizeof url.host.text, "%s", name);
        *named = url.host;
        if (permits(&rule, &url, kind))
            return true;
    }
    return false;
}

static int deny(struct instance *instance, const struct mf_stream_address *asked,
                const struct sockaddr_storage *address, socklen_t bytes, const struct host *named,
                const char *why)
{
    char text[ADDRESS_TEXT_BYTES];
    bool brackets = named->kind == HOST_IPV6;
    instance->pool->node->streaming.denied++;
    if (function_log_may(instance->function->log))
        function_log_node(instance->function->log, MF_LOG_WARN, instance->blank.id,
                      "a connection to %s%s%s:%u (%s) is denied: %s", brackets ? "[" : "", named->text,
                      brackets ? "]" : "", asked->port,
                      address_text((const struct sockaddr *)address, bytes, text), why);
    return EACCES;
}

int outward_connect(struct instance *instance, const struct mf_stream_address *asked, int *fd)
{
    static const int tries = CONNECT_TRIES;
    struct sockaddr_storage address;
    socklen_t bytes;
    struct host named;
    const struct sockaddr *to = (const struct sockaddr *)&address;
    if (stream_address_decode(asked, &address, &bytes))
        return ECONNREFUSED;
    if (egress_is_own_port(&instance->pool->node->egress, to, bytes))
        return deny(instance, asked, &address, bytes, &(struct host){.text = "this node"},
                    "it is a port of the node's own");
    if (!is_allowed(instance, asked, &address, bytes, &named))
        return deny(instance, asked, &address, bytes, &named,
                    "the function's settings (allow: http: HOST:PORT) do not name it");
    if (!peer_has_room(instance->function))
        return ENOBUFS;
    *fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (*fd < 0)
        return errno == EAFNOSUPPORT ? ENETUNREACH : ENOBUFS;
    (void)setsockopt(*fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof tries);
    if (connect(*fd, to, bytes) == 0 || errno == EINPROGRESS)
        return 0;
    int error = errno;
    (void)close(*fd);
    *fd = -1;
    return error;
}
