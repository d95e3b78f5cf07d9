/*
 * guard.h: libmosquitto looks at what a broker sent with assert(): 2.0 ends the process when a
 * packet has a property that it does not know (its log__printf(NULL, …)). No broker shall end a
 * node, so such an assertion, and no other one, ends the connection. Any thread.
 */
#ifndef MF_NODE_MQTT_GUARD_H
#define MF_NODE_MQTT_GUARD_H

#include "node/mqtt/late.h"

/* mosquitto_loop_read(mosq, 1); after a failed assertion of the library MOSQ_ERR_PROTOCOL: then
 * the client is good for mosquitto_destroy() only. Not from within itself. */
int mqtt_guarded_read(struct mosquitto *client);

/* Around our own code in the library's callbacks: its assertions are ours, and stay. */
void mqtt_guard_pause(void);
void mqtt_guard_resume(void);

#endif
