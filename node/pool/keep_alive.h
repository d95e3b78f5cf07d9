/*
 * keep_alive.h: how long an idle instance is kept, and when one is started before it is
 * asked for, as pure functions of (history, now): no clock, no allocation, nothing else
 * touched. So traces can be replayed against what the node runs (bench/trace_replay.c).
 * Any thread; a history has one owner. docs/adr/0002-keep-alive.md says what is weighed.
 */
#ifndef MF_NODE_POOL_KEEP_ALIVE_H
#define MF_NODE_POOL_KEEP_ALIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/settings.h"

#define KEEP_ALIVE_NEVER UINT64_MAX

/* The histogram of idle times of M. Shahrad et al., "Serverless in the Wild", USENIX ATC
 * 2020, 4.2: bins of a minute, up to four hours. */
#define KEEP_ALIVE_BIN_NS 60000000000ull
#define KEEP_ALIVE_BINS 240u
#define KEEP_ALIVE_HEAD_PCT 5u
#define KEEP_ALIVE_TAIL_PCT 99u
#define KEEP_ALIVE_MARGIN_PCT 10u
#define KEEP_ALIVE_CV_MIN 2u          /* of the bins' counts: less is no pattern           */
#define KEEP_ALIVE_BEYOND_PCT_MAX 50u /* of idle times past the last bin                   */
#define KEEP_ALIVE_SAMPLES_MIN 5u     /* fewer say nothing, whatever their coefficient is  */

/* What is known of one function. All zero: it was never called. Counters of eight bits
 * that are halved together when one is full: of a histogram only proportions matter, and
 * what a function did long ago shall count less. */
struct keep_alive_history {
    uint64_t idle_since_ns; /* 0: it runs, or never has */
    uint32_t squares;       /* sum of bin[i]^2          */
    uint16_t inside;        /* sum of bin[i]            */
    uint8_t beyond;         /* idle times past the bins */
    uint8_t halvings;       /* modulo 256               */
    uint8_t bin[KEEP_ALIVE_BINS];
};
_Static_assert(sizeof(struct keep_alive_history) == 256, "times 10,000 functions");

struct keep_alive_policy {
    enum keep_alive kind;
    uint64_t fixed_ns;      /* KEEP_ALIVE_FIXED; what KEEP_ALIVE_HYBRID does without a pattern */
    uint64_t unload_min_ns; /* KEEP_ALIVE_HYBRID: not stopped for less, to be started again    */
};

/* What the node has: a start and two wake-ups buy an instance's memory for this long, at
 * least. The paper, whose starts take seconds of a data centre's time, has no such bound. */
#define KEEP_ALIVE_UNLOAD_MIN_NS 600000000000ull

struct keep_alive_decision {
    uint64_t unload_after_ns; /* from now                                   */
    uint64_t prewarm_at_ns;   /* start one then; KEEP_ALIVE_NEVER: do not   */
};

/* A call has arrived. If nothing of the function ran, an idle time has ended. */
void keep_alive_event(struct keep_alive_history *history, uint64_t now_ns);
/* Its last call has ended. */
void keep_alive_idle(struct keep_alive_history *history, uint64_t now_ns);

/* What to do with an instance that is idle from now_ns on, be it because it has answered
 * or because it was started before its time; history may be NULL: nothing is known.
 * A clock that went back is taken for one that stood still. */
struct keep_alive_decision keep_alive_decide(const struct keep_alive_policy *policy,
                                             const struct keep_alive_history *history,
                                             uint64_t now_ns);

/* A step of a workflow has begun; another function is its next. */
struct keep_alive_step {
    uint64_t begun_ns;
    uint64_t takes_ns;    /* usually; 0: not known                          */
    uint64_t start_ns;    /* what a cold start of the next function takes   */
    uint32_t follows_pct; /* how often the next step follows                */
    bool next_is_live;    /* an instance of it is there                     */
};

#define KEEP_ALIVE_FOLLOWS_PCT_MIN 50u
#define KEEP_ALIVE_STEP_AT_ONCE_NS 1000000000ull

/* When to start an instance of the next function, and how long after that to keep it.
 * KEEP_ALIVE_NEVER where it does not pay: one is there, the step is over before the start
 * would be, or most starts would be in vain. At once if the step is short: the processor
 * is awake now, and little memory would be saved. Else so that it is ready a margin before
 * its time. */
struct keep_alive_decision keep_alive_next_step(const struct keep_alive_step *step);

#endif
