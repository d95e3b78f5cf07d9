/*
 * isolation.h: what one event of a function may find of another (image/settings.h,
 * isolation), and the rollback of instances after each event, which their monitors do
 * (struct mf_control of spawner/protocol.h). Loop thread only.
 */
#ifndef MF_NODE_POOL_ISOLATION_H
#define MF_NODE_POOL_ISOLATION_H

#include <stdbool.h>

#include "base/err.h"
#include "image/settings.h"

struct function;
struct instance;
struct version;

/* Which one a start of this version has; why (may be NULL) says so where it is not the one
 * asked for. */
enum isolation isolation_in_force(const struct version *version, struct mf_why *why);

/* A RESETTING instance has been rolled back: it is IDLE now, its channel as new. False: not
 * yet, or it was ended for what it left there. */
bool isolation_reset_done(struct instance *instance);

/* One that has just been: IDLE. NULL: none. */
struct instance *isolation_pick(struct function *function);

/* A call waits: doorbells are to ring when rollbacks are complete. True: one is already. */
bool isolation_notify(struct function *function);

/* It has an event: is its rollback waited for, too? Then both are told at once. */
void isolation_expect(struct instance *instance, bool waited_for);

/* Enter a guest that was rolled back: its event is in the ring. */
void isolation_go(struct instance *instance);

#endif
