/*
 * port.h: finished operations on their way to the loop's thread. Any thread may put them
 * in; the loop finishes them.
 */
#ifndef MF_NODE_STORE_PORT_H
#define MF_NODE_STORE_PORT_H

#include <pthread.h>

#include "node/store/store_op.h"

struct port {
    uv_async_t async;
    pthread_mutex_t lock;
    struct link done;
};

MF_CHECKED mf_err port_open(struct port *port, struct store *store);
void port_put(struct port *port, struct link *operations); /* leaves the list empty */
void port_drain(struct port *port); /* finish what is there; loop thread */
void port_close(struct port *port, struct store *store);

#endif
