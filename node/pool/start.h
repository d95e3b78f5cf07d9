/*
 * start.h: how a blank becomes an instance: booted, restored from a snapshot, to be rolled
 * back after each event, or only to be frozen or looked at. Loop thread only.
 *
 * A blank is told to start only once its event is in the ring: it may run at once, in our
 * place, and a guest that finds no event goes to sleep, or is rolled back. One that is to be
 * rolled back waits for its process to be known, too: its monitor needs the pagemap.
 */
#ifndef MF_NODE_POOL_START_H
#define MF_NODE_POOL_START_H

#include <stdbool.h>

#include "base/err.h"

struct function;
struct instance;
struct pool;
struct version;

/* Turn a blank into a RESTORING instance of function's present version. MF_EAGAIN: not now;
 * dispatch_place() is called again when it may go. */
MF_CHECKED mf_err pool_start(struct pool *pool, struct function *function,
                             struct instance **instance, struct mf_why *why);

/* It has no event, and is not to wait for one. */
void pool_start_idle(struct instance *instance);

/* Turn a blank into a FREEZING instance. MF_EAGAIN: not now. */
MF_CHECKED mf_err pool_freeze(struct function *function, struct version *version,
                              struct instance **instance, struct mf_why *why);

/* Turn a blank into a REHEARSING instance of function's present version. MF_EAGAIN: not now;
 * MF_ENOENT: there is no snapshot. */
MF_CHECKED mf_err pool_rehearse(struct function *function, struct instance **instance,
                                struct mf_why *why);

/* MF_SPAWNED: its process is known. */
void pool_spawned(struct instance *instance, int pid);

/* If what it waits for is there: tell its monitor to start, once. May end it. */
void pool_start_if_due(struct instance *instance);

/* Its monitor said, before any code of the function ran, that it cannot start it. */
void pool_refused(struct instance *instance, const char *why);

#endif
