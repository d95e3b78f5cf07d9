/*
 * fair.h: who gets the processors when there are too few of them. While instances of two or
 * more functions are at work, every FAIR_TICK_MS:
 *
 *   shares    What was used is compared with what each function's share of it would be, at most
 *             what it wanted. Who had more while another waited is let down: so many of its
 *             instances go on as its share is processors, the others are stopped until what it
 *             had too much is paid back, or nobody waits any more.
 *   crowding  Of a function whose instances wait for processors more than they run, more
 *             instances would only wait longer, and let everybody else wait. Its asynchronous
 *             events get fewer at a time, until they run more than they wait.
 *   slices    While a function computes, for more than half a processor, and others work, its instances
 *             have long slices (slice.h), and node, spawner and all other instances short ones, so that
 *             whoever wakes up has its turn at once, not when slices end.
 *
 *   weights   An instance that serves one event only weighs less the more of its function are at work when
 *             it starts; no tick is needed for it. Those that serve many would keep the weight of a crowd
 *             when it has gone, as an ordinary user can only lower it: they weigh less than the node, whom
 *             all wait for, and all the same. Not much less, as it holds towards other programs, too.
 *
 * The kernel's own weights do none of it: they are of instances, not of functions, and they hold for one
 * processor at a time. Loop thread only, but for the pure functions at the end.
 */
#ifndef MF_NODE_POOL_FAIR_H
#define MF_NODE_POOL_FAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/loop/list.h"
#include "node/loop/timer.h"

#define FAIR_TICK_MS 20
#define FAIR_QUIET_TICKS 5      /* without work; then a function is none of those that are looked at */
#define FAIR_CREDIT_MS_MAX 50   /* what is owed, or saved up, at most                   */
#define FAIR_DEBT_MS 10         /* of that, before somebody is stopped                  */
#define FAIR_URGENT_WEIGHT 8    /* times the share: what an urgent function counts for   */
#define FAIR_CROWDED_MS 2000    /* slices stay as they are for so long when others have nothing to do */
#define FAIR_LIMIT_NONE UINT32_MAX
#define FAIR_NICE 5             /* below the node's, at most: a third of the weight          */

struct function;
struct instance;
struct node;
struct version;

/* Of all functions of a node. */
struct fairness {
    struct node *node;
    struct timer timer;
    struct link active;
    uint32_t count;
    uint32_t processors;
    uint64_t looked_ns;
    bool crowded;          /* slices are not the kernel's                          */
    uint64_t crowded_ns;   /* when somebody computed beside others last            */
};

/* Of one. */
struct fair {
    struct link active;    /* in fairness.active                                         */
    uint64_t seen_ns;      /* the last tick                                              */
    uint64_t used_seen_ns, waited_seen_ns; /* of the meter, then                         */
    uint32_t quiet;        /* ticks without work                                         */
    int64_t credit_ns;
    bool let_down;
    uint32_t keep;         /* instances that go on, if it is                             */
    uint32_t limit;        /* instances at work for asynchronous events; 0: as many as it may have */
    uint64_t stopped_ns;   /* how long it was let down, in all                           */
    bool computes;
    uint64_t slice_ns;     /* of its instances; 0: the kernel's                          */
};

void fairness_open(struct fairness *fairness, struct node *node);
void fairness_close(struct fairness *fairness);
void fair_init(struct fair *fair);
/* Nothing of it is left: out of all lists. */
void fair_close(struct function *function);

/* Steps of nice below the node, 0 to MF_NICE_MAX: what the share alone asks; and of an instance that is about to
 * start for events, for one only or for many. */
int fair_nice_of_share(const struct version *version);
int fair_nice(const struct function *function, bool serves_one);
/* It has become its function's, or its process's number is known now. */
void fair_take(const struct instance *instance);
/* An instance of the function has become busy. */
void fair_watch(struct function *function);

/* May another event begin? */
bool fair_may_begin(const struct function *function);
/* How many instances may work at once for its asynchronous events. */
uint32_t fair_limit(const struct function *function);

/* ---- the arithmetic ---- */

/* One function in one tick. */
struct fair_view {
    uint64_t weight;
    uint64_t used_ns, wanted_ns; /* wanted: used, and waited */
    uint64_t due_ns;             /* out: its part of what all have used */
};

/* Deal out what all have used by weight, to none more than it wanted. */
void fair_deal(struct fair_view *view, uint32_t count);

int64_t fair_credit(int64_t credit_ns, const struct fair_view *view);

/* Instances that a function may have at work however long they wait: as many as its part of the
 * processors is, by what fair_deal() gave it of all that was used; one at least. Others count for
 * what they want, so that one who wants little takes no processor from the others' limits. */
uint32_t fair_least(uint32_t processors, uint64_t due_ns, uint64_t all_ns);

/* Used so much since it was looked at: does it compute? Half a processor begins it, a quarter keeps it. */
bool fair_computes(bool before, uint64_t used_ns, uint64_t elapsed_ns);

/* What a function's instances did in one tick. */
struct fair_work {
    uint32_t busy;        /* instances at work                                 */
    uint32_t least, most; /* that it may have                                  */
    uint64_t elapsed_ns;
    uint64_t used_ns, waited_ns;
};

/* The next limit, 0: none; not under `least`. Who mostly sleeps is not limited, however long the
 * little that it wants has to wait. */
uint32_t fair_next_limit(uint32_t limit, const struct fair_work *work);

#endif
