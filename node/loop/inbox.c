/*
 * inbox.c: a stack that any thread pushes to and one takes whole (Treiber 1986; taken
 * whole, it has no ABA problem).
 * Guarantees: a post whose push is over when the loop goes to sleep wakes it. Either the
 * sender sees `asleep`, or the loop sees the post: both write first and look then, in the
 * one order of sequentially consistent operations.
 */
#include "node/loop/inbox.h"

#include <stddef.h>

static void woken(uv_async_t *knock)
{
    (void)knock; /* a turn follows */
}

mf_err inbox_open(struct inbox *inbox, uv_loop_t *loop)
{
    atomic_init(&inbox->newest, NULL);
    atomic_init(&inbox->asleep, false);
    return uv_async_init(loop, &inbox->knock, woken) == 0 ? MF_OK : MF_EIO;
}

void inbox_post(struct inbox *inbox, struct post *post, void (*arrive)(struct post *post))
{
    inbox_put(inbox, post, arrive);
    inbox_wake(inbox);
}

void inbox_put(struct inbox *inbox, struct post *post, void (*arrive)(struct post *post))
{
    struct post *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    post->arrive = arrive;
    do
        post->next = newest;
    while (!atomic_compare_exchange_weak(&inbox->newest, &newest, post));
}

void inbox_wake(struct inbox *inbox)
{
    if (!atomic_load(&inbox->newest)) /* taken already, or nothing was put */
        return;
    if (atomic_load(&inbox->asleep) && atomic_exchange(&inbox->asleep, false))
        (void)uv_async_send(&inbox->knock);
}

bool inbox_take(struct inbox *inbox)
{
    if (atomic_load_explicit(&inbox->asleep, memory_order_relaxed))
        atomic_store(&inbox->asleep, false);
    if (!atomic_load_explicit(&inbox->newest, memory_order_relaxed))
        return false;
    struct post *post = atomic_exchange(&inbox->newest, NULL), *oldest = NULL;
    while (post) { /* newest first: turn them round */
        struct post *next = post->next;
        post->next = oldest;
        oldest = post;
        post = next;
    }
    while (oldest) {
        struct post *next = oldest->next;
        oldest->arrive(oldest);
        oldest = next;
    }
    return true;
}

bool inbox_sleep(struct inbox *inbox)
{
    atomic_store(&inbox->asleep, true);
    if (!atomic_load(&inbox->newest))
        return true;
    atomic_store(&inbox->asleep, false);
    return false;
}
