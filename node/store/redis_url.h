/* redis_url.h: where Redis is and who we are there, from one line of text. Pure function. */
#ifndef MF_NODE_STORE_REDIS_URL_H
#define MF_NODE_STORE_REDIS_URL_H

#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

struct redis_url {
    char host[256];                       /* or an address; "": path */
    char path[108];                       /* of a Unix socket        */
    char user[128], password[256];        /* "": none                */
    uint16_t port;
    uint16_t database;
};

/* redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], HOST perhaps [IPv6]; redis+unix:PATH.
 * %XX stands for a byte in USER and PASSWORD. The reason never tells the password. */
MF_CHECKED mf_err redis_url_read(const char *text, struct redis_url *url, struct mf_why *why);

#endif
