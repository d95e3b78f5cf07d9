/*
 * outgoing.h: instances that are to go, for their version is in force no more, or their
 * function is stopped: after what they have begun. Loop thread only.
 */
#ifndef MF_NODE_POOL_OUTGOING_H
#define MF_NODE_POOL_OUTGOING_H

struct function;

/* The function has another version, or none any more: old instances drain, and what waits
 * has new ones. */
void outgoing_redeployed(struct function *function);
/* It takes no events: those that run go on, but its connections end in time. */
void outgoing_stopped(struct function *function);

#endif
