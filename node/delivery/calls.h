/*
 * calls.h: how the last asynchronous calls ended, by call id: the last MF_CALLS_REMEMBERED of
 * this life of the node, in so much memory and no more; and what the store keeps of many more, for other lives: a
 * note, written with the end itself. Those that have not ended are in hand or in their queue. Loop
 * thread only.
 */
#ifndef MF_NODE_DELIVERY_CALLS_H
#define MF_NODE_DELIVERY_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "node/store/store.h"

#define CALL_KEY_BYTES STORE_NOTE_KEY_BYTES
#define CALL_WORDS_BYTES 96

/* Written down (calls.c): the same for ever. */
enum call_state { CALL_DELIVERED, CALL_DEAD, CALL_DROPPED, CALL_OFFLOADED, CALL_PURGED, CALL_STATES };

struct call_end {
    uint8_t key[CALL_KEY_BYTES]; /* a hash of its id, which may be long      */
    char function[MF_NAME_BYTES_MAX + 1];
    char words[CALL_WORDS_BYTES]; /* of the last attempt: "status 200"       */
    uint64_t ended_ms;            /* since 1970                              */
    uint32_t attempts;
    enum call_state state;
};

struct calls {
    struct call_end *end; /* a ring; NULL: none has ended yet */
    uint64_t count;       /* that have ended                  */
};

/* Without memory it is forgotten at once. */
void calls_ended(struct calls *calls, const uint8_t key[static CALL_KEY_BYTES], const char *function,
                 enum call_state state, uint32_t attempts, const char *words, uint64_t now_ms);
/* The last that ended under that id; NULL: not remembered. */
const struct call_end *calls_find(const struct calls *calls, const char *call_id);
void calls_close(struct calls *calls);

/* ---- in the store ---- */

void call_note_make(const char *call_id, const char *function, enum call_state state, uint32_t attempts,
                    const char *words, uint64_t now_ms, struct store_own_note *note);
/* As what an event ended that the store did. */
enum call_state call_end_state(const struct queue_entry *entry);
/* Of one: as store_note_of. */
bool call_note_of(const char *function, const struct queue_entry *entry, uint64_t now_ms, struct store_own_note *note);
/* The key under which it is looked for. */
void call_note_key(const char *call_id, uint8_t key[static CALL_KEY_BYTES]);
/* MF_EFORMAT: it is none. end->key is not in it. */
MF_CHECKED mf_err call_note_read(struct store_bytes text, struct call_end *end);

#endif
