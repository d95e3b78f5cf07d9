/*
 * distinct.c: the function of the cold starts. Every copy that a bench deploys has other
 * data; with them it transforms the nonce of its request. Without a nonce: "ok".
 */
#include <mayfly.h>
#include <stdlib.h>

#include "../nonce.h"

OWN_DATA;

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *nonce = mayfly_parameter(event, NONCE_PARAMETER);
    if (nonce)
        mayfly_printf(reply, NONCE_FORMAT,
                      (unsigned long long)nonce_answer(&own_data, strtoull(nonce, NULL, 16)));
    else
        mayfly_puts(reply, "ok");
}
