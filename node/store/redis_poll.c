/* redis_poll.c: hiredis's events as a uv_poll_t. Owns it, on the heap. Loop thread. */
#include "node/store/redis_poll.h"

#include <stdlib.h>

struct poll {
    uv_poll_t handle;
    redisAsyncContext *context; /* NULL: it is gone */
    int events;
};

static void happened(uv_poll_t *handle, int status, int events)
{
    struct poll *poll = handle->data;
    if (status < 0)
        events = UV_READABLE; /* hiredis finds the error itself, and libuv has stopped watching */
    if (poll->context && events & UV_READABLE)
        redisAsyncHandleRead(poll->context);
    if (poll->context && events & UV_WRITABLE)
        redisAsyncHandleWrite(poll->context);
}

static void watch(struct poll *poll, int events)
{
    poll->events = events;
    if (events)
        (void)uv_poll_start(&poll->handle, events, happened);
    else
        (void)uv_poll_stop(&poll->handle);
}

static void add_read(void *data)
{
    struct poll *poll = data;
    watch(poll, poll->events | UV_READABLE);
}

static void remove_read(void *data)
{
    struct poll *poll = data;
    watch(poll, poll->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    struct poll *poll = data;
    watch(poll, poll->events | UV_WRITABLE);
}

static void remove_write(void *data)
{
    struct poll *poll = data;
    watch(poll, poll->events & ~UV_WRITABLE);
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void clean_up(void *data)
{
    struct poll *poll = data;
    poll->context = NULL;
    uv_close((uv_handle_t *)&poll->handle, closed);
}

mf_err redis_poll_attach(redisAsyncContext *context, uv_loop_t *loop)
{
    struct poll *poll = calloc(1, sizeof *poll);
    if (!poll)
        return MF_ENOMEM;
    if (uv_poll_init(loop, &poll->handle, context->c.fd) != 0) {
        free(poll);
        return MF_EIO;
    }
    poll->handle.data = poll;
    poll->context = context;
    context->ev.data = poll;
    context->ev.addRead = add_read;
    context->ev.delRead = remove_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = remove_write;
    context->ev.cleanup = clean_up;
    return MF_OK;
}
