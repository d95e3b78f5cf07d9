/*
 * pauses.h: hosts that did not take a callback, and for how long they are left alone, so that
 * one that is away does not use up the places of all others. A bounded number: the one whose
 * pause ends first is forgotten for a new one. The clock is a parameter. Loop thread only.
 */
#ifndef MF_NODE_CALLBACKS_PAUSES_H
#define MF_NODE_CALLBACKS_PAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "node/egress/url.h"

struct pause {
    char host[URL_HOST_BYTES_MAX + 1]; /* "": free */
    uint16_t port;
    uint32_t times;    /* that it failed, in a row */
    uint64_t until_ms;
};

struct pauses {
    struct pause pause[MF_CALLBACK_PAUSES_MAX];
};

/* Milliseconds that it is still left alone; 0: it is not. */
uint64_t pauses_left_ms(const struct pauses *pauses, const struct url *url, uint64_t now_ms);
/* True: a new pause begins. False: it was left alone already. */
bool pauses_failed(struct pauses *pauses, const struct url *url, uint64_t now_ms);
/* It took none since one failed, whether it is left alone or not any more. */
bool pauses_last_failed(const struct pauses *pauses, const struct url *url);
void pauses_took(struct pauses *pauses, const struct url *url);

#endif
