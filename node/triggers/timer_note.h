/*
 * timer_note.h: up to when a timer has run, as the store keeps it: "LAST_MS", or "LAST_MS TURN"
 * once the clock has been set back behind a run. The turn counts how often that was, and is part
 * of the ids of events: the same time of a clock that was set back is another one. Pure functions.
 */
#ifndef MF_NODE_TRIGGERS_TIMER_NOTE_H
#define MF_NODE_TRIGGERS_TIMER_NOTE_H

#include <stdint.h>

#include "node/store/store.h"

#define TIMER_NOTE_BYTES 48 /* of the text, with its NUL */

struct timer_note {
    uint64_t last_ms; /* since 1970 */
    uint32_t turn;
};

/* Its length without the NUL. */
size_t timer_note_write(const struct timer_note *note, char text[static TIMER_NOTE_BYTES]);

/* What is none is read as of the beginning of time: the timer has never run. */
struct timer_note timer_note_read(struct store_bytes text);

/* The note after a run of that due time. */
struct timer_note timer_note_after(const struct timer_note *note, uint64_t due_ms);

#endif
