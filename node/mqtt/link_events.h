/* link_events.h: what libmosquitto calls, within link.c's reads and writes. Loop thread only. */
#ifndef MF_NODE_MQTT_LINK_EVENTS_H
#define MF_NODE_MQTT_LINK_EVENTS_H

#include "node/mqtt/link.h"

/* Have the link's client, which is new, tell the link what comes. */
void mqtt_link_listen(struct mqtt_link *link);

/* link.c: when the broker has to hear of us, or we have not heard of it for so long. One second
 * more: libmosquitto counts whole ones. */
uint64_t mqtt_link_alive_until_ns(const struct mqtt_link *link);

#endif
