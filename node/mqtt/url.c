/* url.c: see url.h. */
#include "node/mqtt/url.h"

#include <string.h>

#include "base/url_text.h"
#include "base/utf8.h"

#define PORT_PLAIN 1883
#define PORT_TLS 8883

/* MQTT's strings are UTF-8 without NUL (1.5.4). */
static bool is_text(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    for (size_t left = strlen(text), length; left > 0; at += length, left -= length)
        if ((length = mf_utf8_length(at, left)) == 0)
            return false;
    return true;
}

/* text up to end, %XX decoded. */
static bool decode(const char *text, const char *end, char *out, size_t room)
{
    return mf_percent_decode(text, end, out, room) && is_text(out);
}

/* A name or address has none of the characters that separate, or that no name has. */
static bool copy_host(const char *text, const char *end, bool brackets, struct mqtt_url *url)
{
    size_t bytes = (size_t)(end - text);
    if (bytes == 0 || bytes >= sizeof url->host)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] == 0x7f || strchr(brackets ? "/?#@[]" : "/?#@[]:", text[i]))
            return false;
    memcpy(url->host, text, bytes);
    url->host[bytes] = 0;
    return true;
}

static bool read_port(const char *text, const char *end, uint16_t *port)
{
    return mf_short_number(text, end, UINT16_MAX, port) && *port > 0;
}

static bool read_place(const char *at, const char *end, struct mqtt_url *url)
{
    const char *host_end;
    bool brackets = at < end && *at == '[';
    if (brackets) {
        host_end = memchr(at, ']', (size_t)(end - at));
        if (!host_end || !copy_host(at + 1, host_end, true, url))
            return false;
        host_end++;
    } else {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        host_end = colon ? colon : end;
        if (!copy_host(at, host_end, false, url))
            return false;
    }
    if (host_end == end)
        return true;
    return *host_end == ':' && read_port(host_end + 1, end, &url->port);
}

static bool read_user(const char *at, const char *sign, struct mqtt_url *url)
{
    const char *colon = memchr(at, ':', (size_t)(sign - at));
    if (!decode(at, colon ? colon : sign, url->user, sizeof url->user) || !url->user[0])
        return false; /* MQTT 3.1.1 knows no password without a user */
    return !colon || decode(colon + 1, sign, url->password, sizeof url->password);
}

mf_err mqtt_url_read(const char *text, struct mqtt_url *url, struct mf_why *why)
{
    static const char *const scheme[] = {"mqtt://", "mqtts://"};
    size_t bytes = strnlen(text, MF_MQTT_URL_BYTES_MAX + 1);
    *url = (struct mqtt_url){.tls = strncmp(text, scheme[1], strlen(scheme[1])) == 0};
    url->port = url->tls ? PORT_TLS : PORT_PLAIN;
    size_t skip = strlen(scheme[url->tls]);
    bool good = bytes <= MF_MQTT_URL_BYTES_MAX && strncmp(text, scheme[url->tls], skip) == 0;
    if (good) {
        const char *at = text + skip, *end = text + bytes;
        const char *sign = strrchr(at, '@');
        if (end > at && end[-1] == '/')
            end--;
        good = !sign || read_user(at, sign, url);
        good = good && read_place(sign ? sign + 1 : at, end, url);
    }
    if (good)
        return MF_OK;
    return mf_why(why, MF_EINVAL, "the broker's address is none; it is " MQTT_URL_FORM);
}
