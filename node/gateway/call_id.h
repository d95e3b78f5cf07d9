/* call_id.h: random UUIDs (RFC 9562, version 4) as call ids. One thread. */
#ifndef MF_NODE_GATEWAY_CALL_ID_H
#define MF_NODE_GATEWAY_CALL_ID_H

#include <stdint.h>

#define UUID_TEXT_BYTES 36
#define CALL_IDS_AHEAD 64

struct call_ids {
    uint8_t random[CALL_IDS_AHEAD][16]; /* drawn many at a time: a draw is a system call */
    unsigned left;
};

/* Writes UUID_TEXT_BYTES and a NUL. */
void call_id_make(struct call_ids *ids, char *text);

#endif
