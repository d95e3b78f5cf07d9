/* serve.h: PUBLISH of running functions (abi/operation.h). Loop thread only. */
#ifndef MF_NODE_MQTT_SERVE_H
#define MF_NODE_MQTT_SERVE_H

struct node;

/* From now on: answered when the publication is kept (QoS 1, 2), or sent (0). */
void mqtt_serve(struct node *node);

#endif
