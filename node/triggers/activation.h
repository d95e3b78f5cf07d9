/*
 * activation.h: a trigger of a deployed function, in force. Between the files of this folder. Loop thread only.
 */
#ifndef MF_NODE_TRIGGERS_ACTIVATION_H
#define MF_NODE_TRIGGERS_ACTIVATION_H

#include "node/delivery/envelope.h"
#include "node/events/cloudevent.h"
#include "node/store/store.h"
#include "node/triggers/timer_note.h"
#include "node/triggers/triggering.h"

/*
 * A timer:  NOTING ──▶ WAITING ──due──▶ RUNNING ──▶ WAITING
 *                        ▲                 └──▶ TROUBLE (the store, a full queue) ─┐
 *                        └─────────────────────────────────────────────────────────┘
 */
enum activation_state { ACTIVATION_NOTING, ACTIVATION_WAITING, ACTIVATION_RUNNING, ACTIVATION_TROUBLE };

struct activation {
    struct link link;            /* in function.triggers                             */
    struct link by_kind;         /* keys, queues: in triggering                      */
    struct triggering *owner;
    struct function *function;   /* NULL: not in force any more; borrowed            */
    char name[MF_NAME_BYTES_MAX + 1];
    struct trigger trigger;      /* text is owned                                    */
    uint32_t operations;         /* of the store, that refer to it                   */
    struct mover *mover;         /* of a named queue                                 */
    /* a timer's */
    enum activation_state state;
    struct zone *zone;
    struct timer timer;          /* WAITING: in triggering.due                       */
    struct timer retry;          /* TROUBLE: in the loop's                           */
    uint32_t trouble;            /* times in a row                                   */
    bool noted;                  /* the note stands in the store                     */
    bool by_others;              /* another node may have written it, by its clock   */
    struct timer_note note;      /* up to when it has run                            */
    uint64_t due_ms;
    size_t event_bytes;          /* of the one that is being appended                */
};

/* timers.c */
mf_err timers_open(struct triggering *triggering, struct mf_why *why);
void timers_close(struct triggering *triggering);
void timer_begin(struct activation *activation);
/* forget: its note, too: it is not the function's trigger any more. */
void timer_end(struct activation *activation, bool forget);

/* keys.c, queues.c: services of operations/ */
void keys_open(struct triggering *triggering);
void queues_open(struct triggering *triggering);
void queue_trigger_begin(struct activation *activation);
void queue_trigger_end(struct activation *activation);
void queues_close(struct triggering *triggering);

/* Free it, if it is not in force and nothing refers to it. */
void activation_let_go(struct activation *activation);

/* An event of ours for a function's queue, in memory: an envelope. */
struct occurrence {
    struct cloudevent event;
    char id[EVENT_ID_BYTES];
    char time[EVENT_TIME_BYTES];
    char source[MF_NAME_BYTES_MAX + 16];
    uint8_t *envelope; /* owned */
    size_t bytes;
};
/* type, source and time are set; the rest by cloudevent_set(). */
MF_CHECKED mf_err occurrence_init(struct occurrence *occurrence, const char *type,
                                  const char *source, uint64_t time_ms);
/* The id, as it follows from these; then the envelope. hops: how often it was passed on. */
MF_CHECKED mf_err occurrence_finish(struct occurrence *occurrence, const struct event_text *texts,
                                    size_t count, uint32_t hops);
void occurrence_close(struct occurrence *occurrence);

#endif
