/* start.h: take MF_START from the node and decode it. */
#ifndef MF_MONITOR_COMMON_START_H
#define MF_MONITOR_COMMON_START_H

#include <stddef.h>

#include "monitor/monitor.h"

/* One packet as received: a struct mf_start and its environment. */
struct start_packet {
    union {
        struct mf_start start;
        unsigned char bytes[sizeof(struct mf_start) + MF_START_ENV_MAX];
    };
};

/* Wait for MF_START on control. packet is the caller's and must outlive *start, which
 * points into it. MF_EDEAD: the node closed its end, nothing was asked. On success
 * the descriptors in *start are the caller's to close. */
MF_CHECKED mf_err start_receive(int control, struct start_packet *packet,
                                struct monitor_start *start, struct mf_why *why);

/* The checks alone: bytes long packet, of the image (file_bytes) the first head_bytes, into
 * *start. Any thread, no effect; this is what the fuzzer calls. */
MF_CHECKED mf_err start_decode(const struct start_packet *packet, size_t bytes,
                               const uint8_t *head, size_t head_bytes, size_t file_bytes,
                               struct monitor_start *start, struct mf_why *why);

#endif
