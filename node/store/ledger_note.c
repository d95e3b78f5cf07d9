/*
 * ledger_note.c: how leases ended, by a key of who ended them: at least the last MF_NOTES_MAX, and at most a
 * record's more. Those of one transaction share a record, so a commit of many ends has one more to
 * write; there is no index: who asks looks through the records from the newest on, some in one step.
 * Guarantees: a note is there if and only if its end is. What is damaged is passed over.
 */
#include <string.h>

#include "node/store/ledger.h"

#define FORGOTTEN_AT_ONCE_MAX 4u
#define LENGTH_BYTES 2u
_Static_assert(STORE_NOTE_KEY_BYTES + LENGTH_BYTES + MF_NOTE_BYTES_MAX <= MF_NOTE_CHUNK_BYTES, "a record holds any note");

static void key_of_chunk(struct record_key *key, uint64_t number)
{
    record_key_start(key, 'n');
    record_key_number(key, number, 8);
}

/* If it is damaged they begin anew: what stands in the way is written over. */
static mf_err read_notes(struct ledger *ledger, struct record_notes *notes)
{
    struct record_key key;
    struct record record;
    record_key_start(&key, 'N');
    mf_err err = ledger_get(ledger, RECORD_NOTES, &key, &record);
    *notes = err ? (struct record_notes){0} : record.notes;
    if (notes->oldest > notes->chunks)
        notes->oldest = notes->chunks;
    return err == MF_ENOENT || err == MF_EFORMAT ? MF_OK : err;
}

static mf_err read_chunk(struct ledger *ledger, uint64_t number, struct record *chunk)
{
    struct record_key key;
    key_of_chunk(&key, number);
    return ledger_get(ledger, RECORD_CHUNK, &key, chunk);
}

static mf_err forget_oldest(struct ledger *ledger, struct record_notes *notes)
{
    struct record_key key;
    struct record chunk;
    for (unsigned i = 0; i < FORGOTTEN_AT_ONCE_MAX && notes->held > MF_NOTES_MAX; i++) {
        if (notes->oldest == notes->chunks) { /* records were damaged, or are not there */
            notes->held = 0;
            break;
        }
        mf_err err = read_chunk(ledger, notes->oldest, &chunk);
        if (err && err != MF_ENOENT && err != MF_EFORMAT)
            return err;
        uint64_t count = err ? 0 : chunk.chunk.count;
        if (count > notes->held)
            count = notes->held;
        if (!err && notes->held - count < MF_NOTES_MAX)
            break;
        key_of_chunk(&key, notes->oldest);
        err = ledger_remove(ledger, &key);
        if (err)
            return err;
        notes->held -= count;
        notes->oldest++;
    }
    return MF_OK;
}

static mf_err write_chunk(struct ledger *ledger)
{
    struct kept_notes *notes = &ledger->notes;
    struct record_key key;
    if (!notes->count)
        return MF_OK;
    mf_err err = notes->known ? MF_OK : read_notes(ledger, &notes->record);
    if (err)
        return err;
    notes->known = true;
    const struct record chunk = {.kind = RECORD_CHUNK,
                                 .chunk = {.number = notes->record.chunks, .count = notes->count},
                                 .body = {notes->room, notes->bytes}};
    key_of_chunk(&key, notes->record.chunks);
    err = ledger_put(ledger, &key, &chunk);
    if (err)
        return err;
    notes->record.chunks++;
    notes->record.held += notes->count;
    notes->changed = true;
    notes->count = 0;
    notes->bytes = 0;
    return forget_oldest(ledger, &notes->record);
}

static mf_err add(struct ledger *ledger, const uint8_t *key, struct store_bytes text)
{
    struct kept_notes *notes = &ledger->notes;
    const uint8_t length[LENGTH_BYTES] = {(uint8_t)text.bytes, (uint8_t)(text.bytes >> 8)};
    size_t bytes = STORE_NOTE_KEY_BYTES + LENGTH_BYTES + text.bytes;
    if (ledger->frugal)
        return MF_OK;
    mf_err err = bytes > sizeof notes->room - notes->bytes ? write_chunk(ledger) : MF_OK;
    if (err)
        return err;
    uint8_t *at = notes->room + notes->bytes;
    memcpy(at, key, STORE_NOTE_KEY_BYTES);
    memcpy(at + STORE_NOTE_KEY_BYTES, length, sizeof length);
    if (text.bytes)
        memcpy(at + STORE_NOTE_KEY_BYTES + sizeof length, text.data, text.bytes);
    notes->bytes += bytes;
    notes->count++;
    return MF_OK;
}

mf_err ledger_note(struct ledger *ledger, const struct store_op *op)
{
    return op->key.bytes == STORE_NOTE_KEY_BYTES ? add(ledger, op->key.data, op->value) : MF_OK;
}

bool ledger_own_note(const struct store_op *op, const struct queue_entry *entry, struct store_own_note *own)
{
    const store_note_of note_of = op->queue_settings.note_of;
    return note_of && note_of(op->queue->name, entry, op->now_ms, own);
}

mf_err ledger_note_own(struct ledger *ledger, const struct store_own_note *own)
{
    return add(ledger, own->note.key, own->note.text);
}

mf_err ledger_notes_write_down(struct ledger *ledger)
{
    struct kept_notes *notes = &ledger->notes;
    struct record_key key;
    mf_err err = write_chunk(ledger);
    if (err || !notes->changed)
        return err;
    const struct record record = {.kind = RECORD_NOTES, .notes = notes->record};
    record_key_start(&key, 'N');
    return ledger_put(ledger, &key, &record);
}

void ledger_notes_let_go(struct ledger *ledger)
{
    ledger->notes.known = ledger->notes.changed = false;
    ledger->notes.count = 0;
    ledger->notes.bytes = 0;
}

/* The last one of that key. */
static bool find_in(struct store_bytes body, struct store_bytes key, struct store_bytes *text)
{
    const uint8_t *at = body.data;
    size_t left = body.bytes, head = STORE_NOTE_KEY_BYTES + LENGTH_BYTES;
    bool found = false;
    while (left >= head) {
        size_t bytes = at[STORE_NOTE_KEY_BYTES] | (size_t)at[STORE_NOTE_KEY_BYTES + 1] << 8;
        if (bytes > left - head)
            break;
        if (memcmp(at, key.data, key.bytes) == 0) {
            *text = (struct store_bytes){at + head, bytes};
            found = true;
        }
        at += head + bytes;
        left -= head + bytes;
    }
    return found;
}

/* op->id: in records before that one; 0: in all. */
void ledger_find_note(struct ledger *ledger, struct store_op *op)
{
    struct record chunk;
    struct record_notes notes;
    struct store_bytes text;
    mf_err err = op->key.bytes == STORE_NOTE_KEY_BYTES ? read_notes(ledger, &notes) : MF_EINVAL;
    if (err) {
        op->answer.err = err;
        return;
    }
    uint64_t at = op->id && op->id < notes.chunks ? op->id : notes.chunks;
    for (uint32_t looks = 0; at > notes.oldest && looks < MF_NOTE_LOOKS_MAX; looks++) {
        err = read_chunk(ledger, --at, &chunk);
        if (err && err != MF_ENOENT && err != MF_EFORMAT) {
            op->answer.err = err;
            return;
        }
        if (!err && chunk.chunk.number == at && find_in(chunk.body, op->key, &text)) {
            op->answer.err = store_op_value(op, text);
            return;
        }
    }
    op->answer.err = MF_ENOENT;
    op->answer.more = at > notes.oldest;
    op->answer.number = op->answer.more ? (int64_t)at : 0;
}
