/*
 * pool.h: the processes of one node: its spawner, the blanks kept ready, and every
 * instance until its process has ended. Loop thread only.
 */
#ifndef MF_NODE_POOL_POOL_H
#define MF_NODE_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "node/instance/spawner.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/loop/watch.h"
#include "node/pool/call.h"
#include "node/pool/instance.h"
#include "node/pool/shelf.h"

#define POOL_BUCKETS 256u
#define BLANKS_MEMORY_SHARE 32u /* of the machine's memory, for the blanks of a kind after bursts of starts */

struct node;
struct version;

struct pool {
    struct node *node;
    const char *spawner_path;
    struct spawner spawner;
    struct watch spawner_watch;
    struct timer spawner_retry;
    struct timer refill;
    struct link by_id[POOL_BUCKETS];
    struct shelf shelf[SHELVES];        /* the blanks                                   */
    uint32_t blanks_wanted;             /* of each sandbox that a function uses, at least */
    uint64_t blanks_bytes;              /* for each kind, after bursts                  */
    uint64_t started_ns;                /* a blank was taken last; 0: none was          */
    struct link awake;                  /* instances that need not ring us              */
    struct link held;                   /* make too much noise: not listened to         */
    struct timer hold;                  /* until then                                   */
    struct link spent;                  /* have served, and are killed when there is time */
    uint32_t spent_count;
    struct link unseen;                 /* have served a first event, and are to be looked at */
    bool starved;                       /* calls wait because the spawner takes no more */
    uint64_t last_id;
    uint64_t last_call;
    uint32_t count;                     /* all instances, blanks and dying ones too     */
    bool closing;
};

MF_CHECKED mf_err pool_open(struct pool *pool, struct node *node, const char *spawner_path,
                            uint32_t blanks_wanted, struct mf_why *why);
/* The same, without a spawner. */
void pool_init(struct pool *pool, struct node *node, const char *spawner_path,
               uint32_t blanks_wanted);
/* Ends every process. Calls that were in instances are answered STOPPING. */
void pool_close(struct pool *pool);

/* The version comes into force: keep blanks for it ready. It is in force no more; one of no use is no
 * error. */
void pool_use(struct pool *pool, struct version *version);
void pool_leave(struct pool *pool, struct version *version);
/* Blanks of a sandbox, of whatever kind. */
uint32_t pool_blanks(const struct pool *pool, enum mf_sandbox sandbox);

/* End an instance that still runs, or has just ended. Its head event is answered with
 * situation; those not begun go back to the function's queue. cause: a name, static. */
void pool_end(struct instance *instance, enum situation situation, const char *cause,
              const char *message);
/* Tell it to finish what it has and halt. One that waits to be rolled back, or has been,
 * has nothing to finish, and is killed. */
void pool_drain(struct instance *instance);
/* It has served all that it may: kill it, not before the answer is on its way. */
void pool_spend(struct instance *instance);
/* Kill it now: no fault of anyone's. */
void pool_retire(struct instance *instance);

/* Its process has ended: MF_EXITED. Frees it. */
void pool_exited(struct instance *instance, const struct mf_spawn_packet *said);
/* In two steps. bury: DEAD; its calls are settled (outcome: what its head is told; NULL for a
 * blank), its descriptors closed. forget: its process is gone, too; frees it. */
void pool_bury(struct instance *instance, const struct outcome *outcome);
void pool_forget(struct instance *instance);

/* ready() of an instance's descriptors. */
void pool_console_ready(struct watch *watch, uint32_t events);

/* Bring lists, counts and timer in line with the instance's state. After each change. */
void pool_settle(struct instance *instance);

/* turn.c: the traffic with instances that are awake. */
void pool_wake(struct instance *instance);  /* look at it in this turn       */
bool pool_turn(struct pool *pool);          /* take messages; true: there were some */
void pool_ring(struct pool *pool);          /* wake guests that got something */
/* One that waits for room, and has half of it again, goes on while the rest of what it said is taken. */
void pool_ring_early(struct instance *instance);
bool pool_sleep(struct pool *pool);         /* false: something came meanwhile */
void pool_noise(struct instance *instance); /* it said something unasked: hold it, if too much */
bool pool_holds(const struct instance *instance);
void pool_release(struct timer *timer, uint64_t now_ns); /* fire() of pool.hold */
void pool_retire_spent(struct pool *pool, uint32_t left); /* all of them, but for so many */
void pool_bell(struct watch *watch, uint32_t events); /* ready() of instance.bell */

#endif
