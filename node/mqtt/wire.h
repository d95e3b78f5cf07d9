/* wire.h: a publication into libmosquitto. Loop thread only. */
#ifndef MF_NODE_MQTT_WIRE_H
#define MF_NODE_MQTT_WIRE_H

#include "node/mqtt/link.h"
#include "node/mqtt/publication.h"

/* What libmosquitto says: MOSQ_ERR_…. Of a link that is up; *mid: how its answer is told. */
MF_CHECKED int mqtt_wire_put(struct mqtt_link *link, const struct mqtt_publication *publication, int *mid);

#endif
