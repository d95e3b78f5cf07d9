/*
 * outputs.h: what follows an event. The reply of an asynchronous call becomes an event for each
 * function that its function's setting `then` names, before its own event is acknowledged:
 *
 *   replied 2xx ──▶ outputs_make ──▶ outputs_send ──▶ all durable ──▶ attempt_passed()
 *                                       ▲   └──▶ a queue is full, the store away ─┐
 *                                       └── again, later (the event in hand) ─────┘
 *
 * A reply 204 ends a chain: there is nothing to pass on. Those of another status below 500 do,
 * too. The outputs of a call have the same ids whenever it is made again (output_event.h).
 * Between the files of this folder. Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_OUTPUTS_H
#define MF_NODE_DELIVERY_OUTPUTS_H

#include "node/delivery/consumer.h"

/* Of an attempt that was delivered; attempt->outputs stays NULL where nothing follows. May take the
 * outcome's body over, which stays where it is until outputs_destroy(). MF_ETOOBIG: passed on too
 * often, or a head without room; MF_EFULL, MF_ENOMEM: no room for the reply now. */
MF_CHECKED mf_err outputs_make(struct attempt *attempt, const struct outcome *outcome,
                               struct mf_why *why);
uint32_t outputs_count(const struct outputs *outputs); /* NULL: 0 */
bool outputs_under_way(const struct outputs *outputs); /* appends; NULL: none */

/* Append what is not durable yet. At the end, maybe from within: attempt_passed(), or
 * attempt_stuck(). */
void outputs_send(struct attempt *attempt);

/* No append of it is under way. */
void outputs_destroy(struct outputs *outputs, struct delivery *delivery);

#endif
