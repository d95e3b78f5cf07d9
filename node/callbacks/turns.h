/*
 * turns.h: hosts that have as many letters on their way as one may have, and when each further
 * one's turn comes: at the rate at which that host takes letters. So what waits for a slow host
 * waits in the queue, and comes to hand about when there is a place for it. A bounded number of
 * hosts: the one whose turns end first is forgotten for a new one. The clock is a parameter. Loop
 * thread only.
 */
#ifndef MF_NODE_CALLBACKS_TURNS_H
#define MF_NODE_CALLBACKS_TURNS_H

#include <stdint.h>

#include "base/limits.h"
#include "node/egress/url.h"

#define TURN_DOUBLINGS_MAX 5u /* of MF_CALLBACK_TURN_MS_MAX: about half an hour */

struct turn {
    char host[URL_HOST_BYTES_MAX + 1]; /* "": free                            */
    uint16_t port;
    uint64_t took_us;                  /* by one POST, of late                */
    uint64_t next_us;                  /* the last turn that was given        */
};

struct turns {
    struct turn turn[MF_CALLBACK_TURNS_MAX];
};

/* Milliseconds until a letter's turn (at least 1, at most MF_CALLBACK_TURN_MS_MAX), which is its own
 * from now on. Where turns would come later than that, it has none, and asks again: after a time that
 * doubles with its takes (1: it was taken once), from half to all of it. chance: any number, says where. */
uint64_t turns_give_ms(struct turns *turns, const struct url *url, uint64_t now_ms, uint32_t takes,
                       uint32_t chance);
/* One POST was answered, or failed. */
void turns_took(struct turns *turns, const struct url *url, uint64_t took_ns);

#endif
