/*
 * consumer.h: what takes a function's events out of its queue, and an event in hand.
 * Between the files of this folder. Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_CONSUMER_H
#define MF_NODE_DELIVERY_CONSUMER_H

#include "abi/log.h"
#include "node/delivery/delivery.h"
#include "node/delivery/envelope.h"

struct callback;
struct outputs;

/*
 *  READY ──▶ RUNNING ──▶ HELD (found no instance) ──▶ READY
 *                │        └───▶ ENDING
 *                ├──▶ PASSING (what follows is being appended: outputs.h) ──▶ ENDING
 *                └────────────▶ ENDING (its end is being written) ──▶ freed
 */
enum attempt_state { ATTEMPT_READY, ATTEMPT_RUNNING, ATTEMPT_HELD, ATTEMPT_PASSING, ATTEMPT_ENDING };

enum attempt_end { END_ACK, END_NACK, END_BURY };

struct attempt {
    struct call call;
    struct consumer *consumer;
    struct link link;             /* in consumer.attempts                     */
    struct link ready;            /* in delivery.ready, or .over              */
    struct timer timer;           /* the first of the two below               */
    uint64_t again_ns, extend_ns; /* TIMER_NEVER: not                         */
    enum attempt_state state;
    bool placed;                  /* it takes one of its function's places    */
    uint64_t id;                  /* the entry's, and the lease's name        */
    uint32_t number;
    uint64_t enqueued_ms;
    enum queue_priority priority;
    uint64_t begun_ns;
    uint32_t overloads;           /* in a row                                 */
    uint32_t roomless;            /* times that it ran without room for what follows */
    uint32_t trouble;             /* times that its end could not be written  */
    uint32_t operations;          /* of the store, that refer to it           */
    bool asked;                   /* one of them is its end                   */
    bool over;                    /* to be freed when none does any more      */
    bool lost;                    /* its lease passed: another has it, or none */
    enum attempt_end end;
    uint64_t delay_ms;            /* of END_NACK                              */
    bool returned;                /* of END_NACK: nothing was wrong           */
    char words[CALL_WORDS_BYTES]; /* how it ended                             */
    struct mf_buf reason;         /* of END_BURY                              */
    struct callback *callback;    /* a letter to be durable before its end; NULL */
    struct outputs *outputs;      /* of END_ACK: to be durable before; NULL   */
    uint32_t stuck;               /* times in a row that some were not taken  */
    uint32_t full;                /* of these, the last in a row: by a full queue */
    size_t charged;               /* of the node's budget                     */
    struct envelope envelope;     /* what event says; points into it          */
    char call_id[MF_CALL_ID_BYTES_MAX + 1];
    uint8_t call_key[CALL_KEY_BYTES]; /* under which its end is noted, once it is on its way to the store */
    size_t event_bytes;
    uint8_t event[];              /* an envelope                              */
};

/* Makes one if the function has none. */
MF_CHECKED mf_err consumer_of(struct function *function, struct consumer **consumer);
/* Events of it that may run at a time. */
uint32_t consumer_most(const struct function *function);
/* Take what there is and may be run; harmless at any time. */
void consumer_take(struct consumer *consumer);
/* There may be memory for the next events: to those that wait for it. */
void consumers_room(struct delivery *delivery);
void consumer_ask_size(struct consumer *consumer);
/* Nothing else may refer to it; then it goes, if it has no function. */
void consumer_let_go(struct consumer *consumer);
/* Its function is gone, or the node: no more takes. */
void consumer_detach(struct consumer *consumer);

/* An entry that was taken. Without memory for it its lease passes. charged: the attempt's. */
void attempt_create(struct consumer *consumer, const struct queue_entry *entry, size_t charged);
void attempt_begin(struct attempt *attempt);
/* What follows is durable; or some of it was not taken, which is tried again. Of PASSING. */
void attempt_passed(struct attempt *attempt);
void attempt_stuck(struct attempt *attempt, enum situation why, const char *target);
/* One that ran: pass its reply on, and write how it ended. */
void attempt_settle(struct attempt *attempt);
/* Back into the queue: the node stops, the function is removed. Of one that does not run. */
void attempt_return(struct attempt *attempt);
/* Free it as it is, now or when the store has answered; it is not with the dispatcher. */
void attempt_drop(struct attempt *attempt);

/* Its line in the function's log; instance: 0 for none. */
void attempt_log(struct attempt *attempt, enum mf_log_level level, uint64_t instance, const char *what);
/* It cannot be begun: it becomes a dead letter, and this is why. */
void attempt_bury(struct attempt *attempt, const char *reason, size_t bytes);

/* attempt_lease.c: takes it one of its function's places? */
void attempt_place(struct attempt *attempt, bool placed);
/* Write its end, again and again until the store has it; then it is freed. */
void attempt_end_with(struct attempt *attempt, enum attempt_end end);
/* attempt_drop(), and what may be taken instead. */
void attempt_let_go(struct attempt *attempt);
/* For again_ns or extend_ns, whichever is first. */
void attempt_set_timer(struct attempt *attempt);
void attempt_fire(struct timer *timer, uint64_t now_ns);

#endif
