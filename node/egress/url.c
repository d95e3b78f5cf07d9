/* url.c: see url.h. RFC 3986, 3; RFC 9110, 4.2. */
#include "node/egress/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

#define LABEL_BYTES_MAX 63u

static mf_err refuse(struct mf_why *why, const char *what)
{
    return mf_why(why, MF_EINVAL, "no URL to send to: %s", what);
}

static bool take_scheme(const char **at, const char *end, bool *https)
{
    size_t bytes = (size_t)(end - *at);
    *https = bytes >= 8 && strncasecmp(*at, "https://", 8) == 0;
    if (!*https && (bytes < 7 || strncasecmp(*at, "http://", 7) != 0))
        return false;
    *at += *https ? 8 : 7;
    return true;
}

/* The first byte of a set, or end. */
static const char *find(const char *at, const char *end, const char *set)
{
    while (at < end && !strchr(set, *at))
        at++;
    return at;
}

static mf_err take_authority(struct url *url, const char *at, const char *end, struct mf_why *why)
{
    for (const char *i = end; i > at; i--) { /* the last @: the one before may be in a password */
        if (i[-1] == '@') {
            url->user = at;
            url->user_bytes = (size_t)(i - 1 - at);
            at = i;
            break;
        }
    }
    const char *close = at < end && *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;
    const char *colon = close ? close + 1 : find(at, end, ":");
    if (host_parse(at, (size_t)(colon - at), &url->host))
        return refuse(why, "its host must be a name, an IPv4 address of four decimal numbers, or "
                           "an IPv6 address in brackets");
    url->port = url->https ? 443 : 80;
    if (colon == end)
        return MF_OK;
    size_t bytes = (size_t)(end - colon) - 1;
    if (*colon != ':' || (bytes > 0 && port_parse(colon + 1, bytes, &url->port)))
        return refuse(why, "its port must be a number from 1 to 65535");
    return MF_OK;
}

mf_err url_parse(const char *text, size_t bytes, struct url *url, struct mf_why *why)
{
    const char *at = text;
    *url = (struct url){0};
    if (bytes > MF_URL_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "a URL has %u bytes at most", MF_URL_BYTES_MAX);
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("\"<>\\^`{|}", text[i]))
            return refuse(why, "it has a blank, or a character that must be escaped");
    const char *end = text + bytes;
    if (!take_scheme(&at, end, &url->https))
        return refuse(why, "it must begin with http:// or https://");
    const char *path = find(at, end, "/?#");
    mf_err err = take_authority(url, at, path, why);
    url->path = path;
    url->path_bytes = (size_t)(find(path, end, "#") - path);
    return err;
}

/* "a.b-c.d_e": labels of letters, digits, hyphens and, as in service names, underscores. */
static bool is_name(const char *text, size_t bytes)
{
    size_t label = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (c == '.' ? label == 0 : !good || label == LABEL_BYTES_MAX)
            return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

/* Old functions read these as IPv4 addresses: a last label of digits, or 0x and digits. */
static bool ends_in_number(const char *text)
{
    const char *dot = strrchr(text, '.');
    const char *last = dot ? dot + 1 : text;
    return last[strspn(last, "0123456789")] == 0 ||
           (last[0] == '0' && last[1] == 'x' && last[2 + strspn(last + 2, "0123456789abcdef")] == 0);
}

static mf_err parse_ipv6(const char *text, struct host *host)
{
    struct in6_addr address;
    char inner[INET6_ADDRSTRLEN];
    size_t bytes = strlen(text);
    if (bytes < 4 || bytes - 2 >= sizeof inner || text[bytes - 1] != ']')
        return MF_EINVAL;
    memcpy(inner, text + 1, bytes - 2);
    inner[bytes - 2] = 0;
    if (inet_pton(AF_INET6, inner, &address) != 1 ||
        !inet_ntop(AF_INET6, &address, host->text, sizeof host->text))
        return MF_EINVAL;
    host->kind = HOST_IPV6;
    return MF_OK;
}

mf_err host_parse(const char *text, size_t bytes, struct host *host)
{
    char lower[URL_HOST_BYTES_MAX + 1];
    struct in_addr address;
    *host = (struct host){0};
    if (bytes > 1 && text[bytes - 1] == '.') /* the same host, from the root */
        bytes--;
    if (bytes == 0 || bytes > URL_HOST_BYTES_MAX)
        return MF_EINVAL;
    for (size_t i = 0; i < bytes; i++)
        lower[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    lower[bytes] = 0;
    if (lower[0] == '[')
        return parse_ipv6(lower, host);
    if (!is_name(lower, bytes))
        return MF_EINVAL;
    if (ends_in_number(lower)) {
        if (inet_pton(AF_INET, lower, &address) != 1 ||
            !inet_ntop(AF_INET, &address, host->text, sizeof host->text))
            return MF_EINVAL;
        host->kind = HOST_IPV4;
        return MF_OK;
    }
    memcpy(host->text, lower, bytes + 1);
    return MF_OK;
}

mf_err port_parse(const char *text, size_t bytes, uint16_t *port)
{
    uint32_t number = 0;
    if (bytes == 0 || bytes > 5)
        return MF_EINVAL;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return MF_EINVAL;
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    if (number == 0 || number > UINT16_MAX)
        return MF_EINVAL;
    *port = (uint16_t)number;
    return MF_OK;
}

mf_err url_write(const struct url *url, struct mf_buf *out)
{
    bool v6 = url->host.kind == HOST_IPV6;
    mf_err err = mf_buf_printf(out, "%s://%s%s%s:%u%s", url->https ? "https" : "http", v6 ? "[" : "",
                               url->host.text, v6 ? "]" : "", url->port,
                               url->path_bytes && url->path[0] == '/' ? "" : "/");
    return err ? err : mf_buf_add(out, url->path, url->path_bytes);
}

bool host_is_localhost(const struct host *host)
{
    return host->kind == HOST_NAME && strcmp(host->text, "localhost") == 0;
}
