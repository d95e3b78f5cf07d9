/* listen.c: see listen.h. */
#include "image/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static mf_err parse_port(const char *text, in_port_t *port)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || value > UINT16_MAX || strlen(text) > 5)
        return MF_EINVAL;
    *port = htons((uint16_t)value);
    return MF_OK;
}

mf_err listen_parse(const char *text, struct sockaddr_storage *address, socklen_t *address_bytes)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char host[MF_LISTEN_BYTES_MAX + 1];
    const char *colon = strrchr(text, ':');
    size_t bytes = colon ? (size_t)(colon - text) : 0;
    if (strlen(text) > MF_LISTEN_BYTES_MAX || (colon && bytes == 0))
        return MF_EINVAL;
    memset(address, 0, sizeof *address);
    memcpy(host, text, bytes);
    host[bytes] = '\0';
    if (host[0] == '[' && bytes > 2 && host[bytes - 1] == ']') {
        host[bytes - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &v6.sin6_addr) != 1)
            return MF_EINVAL;
        *address_bytes = sizeof v6;
        mf_err err = parse_port(colon + 1, &v6.sin6_port);
        memcpy(address, &v6, sizeof v6);
        return err;
    }
    if (colon && inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        return MF_EINVAL;
    mf_err err = parse_port(colon ? colon + 1 : text, &v4.sin_port);
    memcpy(address, &v4, sizeof v4);
    *address_bytes = sizeof v4;
    return err;
}
