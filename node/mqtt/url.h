/* url.h: where the broker is and who we are there, from one line of text. Pure function. */
#ifndef MF_NODE_MQTT_URL_H
#define MF_NODE_MQTT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

struct mqtt_url {
    char host[256];                /* a name or an address            */
    char user[128], password[256]; /* "": none                        */
    uint16_t port;
    bool tls;                      /* mqtts                           */
};

#define MQTT_URL_FORM "mqtt://[USER[:PASSWORD]@]HOST[:PORT], or mqtts:// with TLS"

/* HOST perhaps [IPv6]; %XX stands for a byte in USER and PASSWORD. PORT is 1883, with TLS
 * 8883, where none is given. The reason never tells the password. */
MF_CHECKED mf_err mqtt_url_read(const char *text, struct mqtt_url *url, struct mf_why *why);

#endif
