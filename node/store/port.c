/* port.c: a list under a lock, and a libuv handle that wakes the loop. */
#include "node/store/port.h"

static void woken(uv_async_t *async)
{
    port_drain(list_of(async, struct port, async));
}

mf_err port_open(struct port *port, struct store *store)
{
    link_init(&port->done);
    if (pthread_mutex_init(&port->lock, NULL) != 0)
        return MF_ENOMEM;
    if (uv_async_init(store->loop, &port->async, woken) != 0) {
        (void)pthread_mutex_destroy(&port->lock);
        return MF_EIO;
    }
    store->handles++;
    return MF_OK;
}

static void move_all(struct link *from, struct link *to)
{
    while (!list_empty(from))
        list_append(to, from->next);
}

void port_put(struct port *port, struct link *operations)
{
    (void)pthread_mutex_lock(&port->lock);
    move_all(operations, &port->done);
    (void)pthread_mutex_unlock(&port->lock);
    (void)uv_async_send(&port->async);
}

void port_drain(struct port *port)
{
    struct link done;
    link_init(&done);
    (void)pthread_mutex_lock(&port->lock);
    move_all(&port->done, &done);
    (void)pthread_mutex_unlock(&port->lock);
    while (!list_empty(&done)) {
        struct store_op *op = list_of(done.next, struct store_op, link);
        list_remove(&op->link);
        store_finish(op);
    }
}

void port_close(struct port *port, struct store *store)
{
    port_drain(port);
    (void)pthread_mutex_destroy(&port->lock);
    store_close_handle(store, (uv_handle_t *)&port->async);
}
