/*
 * waiting.h: the calls of a function that no instance has yet: urgent ones before the
 * others, and each in the order in which they came. How long they may wait, and what they
 * wait for, is the dispatcher's. Loop thread only.
 */
#ifndef MF_NODE_POOL_WAITING_H
#define MF_NODE_POOL_WAITING_H

struct call;
struct function;

/* Whose turn it is. NULL: nobody waits. */
struct call *waiting_first(const struct function *function);
/* Whose wait is over first. The same. */
struct call *waiting_late(const struct function *function);

/* A call of call->function, which waits nowhere: behind those of its priority, or before
 * them, since it had its turn already. */
void waiting_add(struct call *call);
void waiting_again(struct call *call);

/* It waits no more. One that does not wait is no error. */
void waiting_remove(struct call *call);

#endif
