/* calls.c: see calls.h. */
#include "node/delivery/calls.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/delivery/envelope.h"

#define NOTE_VERSION 1

/* What stands before the function's name and the words; little-endian. */
struct note_head {
    uint8_t version;
    uint8_t state;
    uint8_t function_bytes;
    uint8_t words_bytes;
    uint32_t attempts;
    uint64_t ended_ms;
};
_Static_assert(sizeof(struct note_head) == 16, "format");
_Static_assert(sizeof(struct note_head) + MF_NAME_BYTES_MAX + CALL_WORDS_BYTES <= MF_NOTE_BYTES_MAX, "a note has room");

void call_note_key(const char *call_id, uint8_t key[static CALL_KEY_BYTES])
{
    (void)crypto_generichash(key, CALL_KEY_BYTES, (const uint8_t *)call_id, strlen(call_id), NULL,
                             0);
}

void calls_ended(struct calls *calls, const uint8_t key[static CALL_KEY_BYTES], const char *function,
                 enum call_state state, uint32_t attempts, const char *words, uint64_t now_ms)
{
    if (!calls->end)
        calls->end = calloc(MF_CALLS_REMEMBERED, sizeof *calls->end);
    if (!calls->end)
        return;
    struct call_end *end = &calls->end[calls->count++ % MF_CALLS_REMEMBERED];
    *end = (struct call_end){.ended_ms = now_ms, .attempts = attempts, .state = state};
    memcpy(end->key, key, sizeof end->key);
    memcpy(end->function, function, strnlen(function, sizeof end->function - 1)); /* the rest is 0 */
    memcpy(end->words, words, strnlen(words, sizeof end->words - 1));
}

const struct call_end *calls_find(const struct calls *calls, const char *call_id)
{
    uint8_t key[CALL_KEY_BYTES];
    uint64_t held = calls->count < MF_CALLS_REMEMBERED ? calls->count : MF_CALLS_REMEMBERED;
    call_note_key(call_id, key);
    for (uint64_t i = 1; i <= held; i++) {
        const struct call_end *end = &calls->end[(calls->count - i) % MF_CALLS_REMEMBERED];
        if (memcmp(end->key, key, sizeof key) == 0)
            return end;
    }
    return NULL;
}

void calls_close(struct calls *calls)
{
    free(calls->end);
    *calls = (struct calls){0};
}

/* ---- in the store ---- */

void call_note_make(const char *call_id, const char *function, enum call_state state, uint32_t attempts,
                    const char *words, uint64_t now_ms, struct store_own_note *note)
{
    const struct note_head head = {.version = NOTE_VERSION,
                                   .state = (uint8_t)state,
                                   .function_bytes = (uint8_t)strnlen(function, MF_NAME_BYTES_MAX),
                                   .words_bytes = (uint8_t)strnlen(words, CALL_WORDS_BYTES - 1),
                                   .attempts = attempts,
                                   .ended_ms = now_ms};
    uint8_t *at = note->text;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    memcpy(at, function, head.function_bytes);
    at += head.function_bytes;
    for (size_t i = 0; i < head.words_bytes; i++) /* a guest may have chosen them */
        *at++ = words[i] < ' ' || words[i] > '~' ? '?' : (uint8_t)words[i];
    note->note.text = (struct store_bytes){note->text, (size_t)(at - note->text)};
    call_note_key(call_id, note->note.key);
}

enum call_state call_end_state(const struct queue_entry *entry)
{
    const struct store_bytes *reason = &entry->reason;
    if (entry->died_ms)
        return CALL_DEAD;
    return reason->bytes == sizeof QUEUE_PURGED - 1 && memcmp(reason->data, QUEUE_PURGED, reason->bytes) == 0
               ? CALL_PURGED : CALL_DROPPED;
}

bool call_note_of(const char *function, const struct queue_entry *entry, uint64_t now_ms, struct store_own_note *note)
{
    char call_id[MF_CALL_ID_BYTES_MAX + 1], words[CALL_WORDS_BYTES];
    struct envelope envelope;
    if (envelope_read_beginning(entry->event.data, entry->event.bytes, &envelope))
        return false; /* nobody's call */
    (void)snprintf(call_id, sizeof call_id, "%.*s", (int)envelope.call_id_bytes, envelope.call_id);
    (void)snprintf(words, sizeof words, "%.*s", (int)entry->reason.bytes, (const char *)entry->reason.data);
    call_note_make(call_id, function, call_end_state(entry), entry->attempts, words, now_ms, note);
    return true;
}

/* Both are to be shown, and another program may have written them. */
static bool is_text(const uint8_t *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

mf_err call_note_read(struct store_bytes text, struct call_end *end)
{
    struct note_head head;
    const uint8_t *at = text.data;
    if (text.bytes < sizeof head)
        return MF_EFORMAT;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    if (head.version != NOTE_VERSION || head.state == CALL_OFFLOADED || head.state >= CALL_STATES || head.function_bytes > MF_NAME_BYTES_MAX ||
        head.words_bytes >= CALL_WORDS_BYTES || head.ended_ms > STORE_DATE_MS_MAX ||
        text.bytes != sizeof head + head.function_bytes + head.words_bytes ||
        !is_text(at, text.bytes - sizeof head))
        return MF_EFORMAT;
    *end = (struct call_end){.ended_ms = head.ended_ms, .attempts = head.attempts, .state = (enum call_state)head.state};
    memcpy(end->function, at, head.function_bytes);
    memcpy(end->words, at + head.function_bytes, head.words_bytes);
    return MF_OK;
}
