/* listening.h: a function that listens, for listen.c, which owns it, and hold.c. Loop thread only. */
#ifndef MF_NODE_STREAMS_LISTENING_H
#define MF_NODE_STREAMS_LISTENING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "node/egress/address.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/loop/watch.h"

struct function;

struct listening {
    struct function *function;
    struct watch watch;
    struct timer retry;   /* after a moment without descriptors, memory, or the port */
    char text[MF_LISTEN_BYTES_MAX + 1];
    char at[ADDRESS_TEXT_BYTES]; /* while watch.fd is one */
    uint16_t port;
    char *why;            /* there is none; NULL: there is; owned */
    struct link holds;
    uint32_t connections; /* accepted, and not ended yet */
    bool paused;
};

/* One of its connections has ended: there is room for another. */
void listening_left(struct listening *listening);

#endif
