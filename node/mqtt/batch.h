/*
 * batch.h: messages that were read until nothing was there, or enough, on their way into the queues
 * of functions: all of them get durable, then all are acknowledged.
 *
 *                messages            appends, one for each function
 *     READING ──────────────▶ COMMITTING ────────────────▶ all durable: acknowledged, freed
 *                                 ▲  │ some were refused
 *                           again │  ▼                  for too long: the connection is given
 *                                 HELD ───────────────▶ up, and the broker keeps them
 *
 * Of QoS 0 there is one attempt: what is refused is dropped, and counted. The one that is being read,
 * committed or held is intake->batch; one whose connection went in between lives on alone until the
 * store has answered. Between the files of this folder. Loop thread only.
 */
#ifndef MF_NODE_MQTT_BATCH_H
#define MF_NODE_MQTT_BATCH_H

#include "node/mqtt/intake.h"

/* Take a message for the functions of intake->chosen. Sets intake->starved when there is no memory. */
void mqtt_batch_take(struct mqtt_intake *intake, const struct mqtt_incoming *incoming);
/* It is large enough. */
bool mqtt_batch_is_full(const struct mqtt_batch *batch);
/* The store has it, and nothing was refused so far. */
bool mqtt_batch_is_committing(const struct mqtt_batch *batch);
/* Nothing is read any more: make it durable, now or again. When it is, the link goes on. */
void mqtt_batch_commit(struct mqtt_batch *batch);
/* Its connection went: the broker has what was not acknowledged and sends it again, but for QoS 0. */
void mqtt_batch_abandon(struct mqtt_batch *batch);

#endif
