/*
 * mayfly_state.h: what a function remembers of one thing from event to event: a fridge, a
 * user, a door. A text under a key of the node's store, changed exactly once by each event,
 * although events may be delivered twice and many instances work at the same time.
 *
 * An event is known by its id (the headers ce-source and ce-id, else x-call-id), which is the same
 * at every delivery. With the state the node keeps what the last MAYFLY_STATE_EVENTS events were
 * answered: one that comes again changes nothing and gets its answer again, so that what
 * follows from it is neither lost nor done anew under another id. Events without an id count as new,
 * and one that comes again after so many others of the same state does.
 *
 * The value under the key, as `mayfly kv get` shows it: a line "ID ANSWER" for each of these
 * events, an empty line, the state.
 */
#ifndef MAYFLY_STATE_H
#define MAYFLY_STATE_H

#include "mayfly.h"

#define MAYFLY_STATE_EVENTS 256       /* remembered at most, as many as fit */
#define MAYFLY_STATE_EVENT_BYTES 32768 /* of their lines                    */
#define MAYFLY_STATE_BYTES 16384      /* of a state                         */
#define MAYFLY_ANSWER_BYTES 2048      /* of an answer; one line             */

/* A text that grows by printf. What does not fit makes the step fail, MAYFLY_TOO_LARGE. */
struct mayfly_text {
    char *data; /* always ended by a NUL */
    size_t bytes, room;
    bool cut;
};
void mayfly_text_printf(struct mayfly_text *text, const char *format, ...) MAYFLY_PRINTF(2, 3);
/* As a JSON string, quotes and escapes included. */
void mayfly_text_string(struct mayfly_text *text, const char *string);

/* Make the next state of this one ("" at first), and the answer, one line ("": none). May be
 * called several times for one event, as others change the state meanwhile: it only looks at
 * what it is given. False: leave the state as it is; the answer counts. */
typedef bool mayfly_step(void *context, const char *state, struct mayfly_text *next,
                         struct mayfly_text *answer);

/* MAYFLY_OK: *answer is what the step said, now or when the event came first. Else nothing was
 * changed, but for MAYFLY_UNAVAILABLE, after which nobody knows: fail, and come again.
 * MAYFLY_BUSY: others change the state all the time. `allow` must name the key under read and write. */
enum mayfly_error mayfly_once(struct mayfly_event *event, const char *key, mayfly_step *step,
                              void *context, const char **answer);

#endif
