/*
 * envelope.h: a message from the broker as what a function's queue takes: an event's fields and body, in memory
 * of its own. What comes from the broker may be hostile. Loop thread only.
 */
#ifndef MF_NODE_MQTT_ENVELOPE_H
#define MF_NODE_MQTT_ENVELOPE_H

#include "node/delivery/envelope.h"
#include "node/mqtt/message.h"

/* The topic is checked; call_id is borrowed by the envelope. *memory, which it points into, is the caller's to free;
 * NULL on an error: MF_ENOMEM, or the message can be no event. */
MF_CHECKED mf_err mqtt_envelope_write(const struct mqtt_incoming *incoming, const char *source, const char *call_id,
                                      struct mqtt_words *words, struct envelope *envelope, uint8_t **memory);

/* The topic of one that was written: in its memory, too. */
const char *mqtt_envelope_topic(const struct envelope *envelope);

#endif
