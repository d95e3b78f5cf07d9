/*
 * wire.h: messages from and to the node: the ring (ring.h), with waiting for it and
 * waking it. A node that writes nonsense ends the instance (MF_CAUSE_PROTOCOL).
 */
#ifndef KERNEL_EVENT_WIRE_H
#define KERNEL_EVENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/event/ring.h"

/* rings: as of MF_BOOT_WAIT_RINGS. */
void wire_start(uint64_t channel_base, bool rings);

/* Copy the message so many behind the oldest, if there is one; it stays in the ring. */
bool wire_peek(uint32_t ahead, struct mf_desc *desc);
const uint8_t *wire_data(const struct mf_desc *desc);
void wire_release(void); /* the oldest */
/* Sleep until there is a message. May return early. idle: no event is begun, and the
 * instance may be rolled back meanwhile (abi/hypercall.h, wait). */
void wire_wait(bool idle);

/* The same in parts, for who has more to look at: the node knows that we are about to sleep,
 * and rings from now on; then look once more; sleep, if there is nothing; be awake. deadline_ns
 * 0: none. */
uint32_t wire_doze(bool idle); /* for wire_sleep(): the doorbell's value */
void wire_sleep(uint64_t deadline_ns, uint32_t seen, bool idle);
void wire_awake(void);

/* The same of the rings of streams, without waiting. reserve: false: no room now. */
bool wire_stream_peek(struct mf_desc *desc);
const uint8_t *wire_stream_data(const struct mf_desc *desc);
void wire_stream_release(uint32_t bytes); /* of its data */
bool wire_stream_reserve(uint32_t least, uint32_t most, struct ring_place *place);
void wire_stream_publish(struct mf_desc *desc, const struct ring_place *place);

/* Room for a message of least to most bytes, by waiting for it. */
struct ring_place wire_reserve(uint32_t least, uint32_t most);
/* The same without waiting, and without an end for nonsense: false. */
bool wire_try_reserve(uint32_t bytes, struct ring_place *place);
/* Send what stands in the place reserved last. The node is not rung yet. */
void wire_publish(struct mf_desc *desc, const struct ring_place *place);

/* The result area: before an operation is sent; then sleep until it is answered. */
void wire_result_clear(void);
void wire_result_wait(uint32_t number, struct mf_result *result);
const uint8_t *wire_result_data(void); /* of the answer, while no other is asked for */
void wire_result_wipe(uint32_t bytes); /* of it                                      */

/* Wake the node, if it sleeps and has not been woken since something changed for it. */
void wire_ring(void);
/* The same, if more is unrung than the node should be kept waiting for, when more is to come. */
void wire_ring_early(void);
/* The same, for a line of the log: at once, or if the last such ring is a while ago. Who works on tells so
 * what it does; who ends soon rings once. Where time costs an exit as a ring does: at once. */
void wire_ring_line(bool at_once);
/* The same, unless what comes at once, wire_wait(idle), will do it. */
void wire_ring_before(bool idle);

/* Sleep until CLOCK_MONOTONIC reaches this; 0: for ever. */
void wire_sleep_until(uint64_t deadline_ns);

#endif
