/* redis_url.c: redis:// and redis+unix:, taken apart. */
#include "node/store/redis_url.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/url_text.h"

#define TCP "redis://"
#define UNIX "redis+unix:"
#define PORT_USUAL 6379
#define DATABASE_MAX 65535

static mf_err refuse(struct mf_why *why)
{
    return mf_why(why, MF_EINVAL, "the store's address is none; it is redis://[USER:PASSWORD@]HOST"
                  "[:PORT][/DATABASE] or redis+unix:PATH");
}

static bool copy(const char *text, const char *end, char *out, size_t room)
{
    size_t bytes = (size_t)(end - text);
    if (bytes == 0 || bytes >= room)
        return false;
    memcpy(out, text, bytes);
    out[bytes] = 0;
    return true;
}

/* HOST[:PORT] between at and end. */
static bool read_place(const char *at, const char *end, struct redis_url *url)
{
    const char *host_end = memchr(at, ':', (size_t)(end - at));
    const char *host = at;
    if (at < end && *at == '[') {
        host = at + 1;
        const char *closing = memchr(at, ']', (size_t)(end - at));
        if (!closing || !copy(host, closing, url->host, sizeof url->host))
            return false;
        host_end = closing + 1 < end ? closing + 1 : NULL;
        if (host_end && *host_end != ':')
            return false;
    } else if (!copy(host, host_end ? host_end : end, url->host, sizeof url->host))
        return false;
    url->port = PORT_USUAL;
    return !host_end || (mf_short_number(host_end + 1, end, UINT16_MAX, &url->port) && url->port > 0);
}

mf_err redis_url_read(const char *text, struct redis_url *url, struct mf_why *why)
{
    *url = (struct redis_url){.port = 0};
    size_t bytes = strnlen(text, MF_REDIS_URL_BYTES_MAX + 1);
    if (bytes > MF_REDIS_URL_BYTES_MAX)
        return refuse(why);
    if (strncmp(text, UNIX, sizeof UNIX - 1) == 0)
        return copy(text + sizeof UNIX - 1, text + bytes, url->path, sizeof url->path)
                   ? MF_OK : refuse(why);
    if (strncmp(text, TCP, sizeof TCP - 1) != 0)
        return refuse(why);
    const char *at = text + sizeof TCP - 1, *end = text + bytes;
    const char *sign = strrchr(at, '@');
    if (sign) {
        const char *colon = memchr(at, ':', (size_t)(sign - at));
        if (!colon || !mf_percent_decode(at, colon, url->user, sizeof url->user) ||
            !mf_percent_decode(colon + 1, sign, url->password, sizeof url->password))
            return refuse(why);
        at = sign + 1;
    }
    const char *slash = memchr(at, '/', (size_t)(end - at));
    if (slash && slash + 1 < end &&
        !mf_short_number(slash + 1, end, (uint16_t)DATABASE_MAX, &url->database))
        return refuse(why);
    return read_place(at, slash ? slash : end, url) ? MF_OK : refuse(why);
}
