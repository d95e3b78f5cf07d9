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

/* Take the share of the processor that the order gives, from `own` (the spawner's nice) on: a node
 * that runs under nice(1) has instances that stand below others', and nobody may go up
 * without rights. One that is favoured does not pass that on. */
MF_CHECKED mf_err start_nice(const struct monitor_start *start, int own, struct mf_why *why);

/* Use what a start is going to use here, while nobody waits: pages that come by faults. */
void start_touch(void);

/* The checks alone: bytes long packet, of the image (file_bytes) the first head_bytes, into
 * *start. Any thread, no effect; this is what the fuzzer calls. */
MF_CHECKED mf_err start_decode(const struct start_packet *packet, size_t bytes,
                               const uint8_t *head, size_t head_bytes, size_t file_bytes,
                               struct monitor_start *start, struct mf_why *why);

#endif
