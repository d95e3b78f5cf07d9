/*
 * ledger.h: what queues and key-values are, over ordered tables: the semantics of the
 * memory and the LMDB back end, once. (Redis has them in redis_script.lua.)
 *
 *                 append            take                  ack, bury, purge
 *                ───────▶  fresh  ───────▶  leased  ───────────────────────▶ gone
 *                                  ┌─────▶    │ ▲
 *                                  │ take     │ └─ extend; take, once the lease passed
 *                            returned ◀───────┘ nack; and the death of the process
 *
 * An entry is an ENTRY in the durable tables. One that came back has a STATE there, too.
 * Leases are in memory only: they die with the process, and so does the order in which
 * fresh entries are found (a hint: before it, all are leased or have a STATE). That an entry
 * was taken outlives the process in `taken`, and becomes a STATE at the next start.
 *
 * An operation runs in up to three steps. Questions: ledger_ask(), over what is committed.
 * Changes: ledger_change() in a transaction; when that is committed, or not,
 * ledger_settle(). One thread at a time.
 */
#ifndef MF_NODE_STORE_LEDGER_H
#define MF_NODE_STORE_LEDGER_H

#include "base/buf.h"
#include "node/store/store_op.h"
#include "node/store/tables.h"
#include "node/store/taken.h"

#define LEDGER_KEPT_MAX 8u

/* A queue's record as the changes of the transaction under way have it. */
struct kept_queue {
    const struct queue *queue; /* NULL: free; an operation of the transaction holds it */
    struct record record;
    bool changed;              /* the tables have it otherwise, or not yet             */
};

/* The notes of the transaction under way that are in no record yet, and which records there are. */
struct kept_notes {
    struct record_notes record;
    bool known, changed;
    uint32_t count;
    size_t bytes;
    uint8_t room[MF_NOTE_CHUNK_BYTES];
};

struct ledger {
    struct tables *durable; /* borrowed; the back end sets it before each step */
    struct tables *memory;  /* leases, hints                                   */
    struct taken taken;     /* not open: attempts end with the process         */
    struct mf_buf scratch;
    struct kept_queue kept[LEDGER_KEPT_MAX];
    uint32_t kept_next;
    struct kept_notes notes;
    bool frugal;            /* the back end's: write no notes, for want of room */
    uint64_t damaged;       /* records that were not what they should be       */
};

/* What durable is in a step is only that step's, so a back end may let one thread ask while
 * another one commits, under these rules: one step at a time (a lock); an ask's tables
 * are of a moment within its step; a commit is outside of all. Then what was committed and
 * not settled yet is still leased, and no take gets it. */

/* In a transaction of its own: a new file's first record, or the check of an old one's; the
 * entries that were taken when the last process ended become returned ones. Then the
 * caller commits and calls taken_clear(). */
MF_CHECKED mf_err ledger_open(struct ledger *ledger, struct mf_why *why);
void ledger_close(struct ledger *ledger);

/* A question. True: it also wants to change something (a take that found entries too
 * old): let it go through the other two steps before it is answered. */
bool ledger_ask(struct ledger *ledger, struct store_op *op);

/* A change. Not MF_OK: the tables failed, the whole transaction has to be given up. A
 * refusal is MF_OK, and in op->answer.err; it changed nothing. */
MF_CHECKED mf_err ledger_change(struct ledger *ledger, struct store_op *op);

/* What changes have kept back, into the tables: after the last change, before the commit. Not MF_OK:
 * as of a change. */
MF_CHECKED mf_err ledger_write_down(struct ledger *ledger);
/* And nothing of it any more: after the commit, or when the transaction is given up. */
void ledger_let_go(struct ledger *ledger);

/* The transaction is over; committed: for good. Needs no tables. */
void ledger_settle(struct ledger *ledger, struct store_op *op, bool committed);

/* Write something that changes nothing: LMDB uses freed pages again two commits later. */
MF_CHECKED mf_err ledger_touch(struct ledger *ledger);

/* ---- between the ledger's own files ---- */

struct lease {
    uint64_t due_ms;
    uint32_t attempts;
    uint32_t slot; /* of taken */
};

/* Where a take begins to look; ids and times before it are not worth a look. */
struct shelf {
    uint64_t fresh_id;
    uint64_t returned_ms;
};

mf_err ledger_get(struct ledger *ledger, enum record_kind kind, const struct record_key *key,
                  struct record *record);
/* The same of what is there already: `stored` lies under that key. */
mf_err ledger_read(struct ledger *ledger, enum record_kind kind, const struct record_key *key,
                   struct store_bytes stored, struct record *record);
mf_err ledger_put(struct ledger *ledger, const struct record_key *key,
                  const struct record *record);
mf_err ledger_remove(struct ledger *ledger, const struct record_key *key);
/* The first key that is not less, if it begins with the same `prefix` bytes. */
mf_err ledger_seek(struct tables *tables, const struct record_key *key, size_t prefix,
                   struct store_bytes *found, struct store_bytes *value);

bool lease_find(struct ledger *ledger, uint32_t queue, uint64_t id, struct lease *lease);
/* Take, or take again. MF_EAGAIN: too many are taken. */
mf_err lease_take(struct ledger *ledger, uint32_t queue, uint64_t id, uint32_t attempts,
                  uint64_t due_ms);
mf_err lease_move(struct ledger *ledger, uint32_t queue, uint64_t id, uint64_t due_ms);
void lease_end(struct ledger *ledger, uint32_t queue, uint64_t id); /* if there is one */
/* The first lease of that priority whose end is not before due_ms and, of those at that
 * time, whose entry is not before id. */
bool lease_next(struct ledger *ledger, uint32_t queue, enum queue_priority priority,
                uint64_t *due_ms, uint64_t *id);
struct shelf shelf_read(struct ledger *ledger, uint32_t queue, enum queue_priority priority);
void shelf_write(struct ledger *ledger, uint32_t queue, enum queue_priority priority,
                 const struct shelf *shelf);

void key_of_tenant(struct record_key *key, const struct queue *queue); /* how those of its queues begin */
void key_of_queue(struct record_key *key, const struct queue *queue);
void key_of_entry(struct record_key *key, uint32_t queue, uint64_t id);
void key_of_state(struct record_key *key, uint32_t queue, uint64_t id);
void key_of_due(struct record_key *key, uint32_t queue, enum queue_priority priority,
                uint64_t due_ms, uint64_t id);
void key_of_dead(struct record_key *key, uint32_t queue, uint64_t id);
#define KEY_PREFIX_QUEUE 5    /* table and queue of the last four */
#define KEY_PREFIX_PRIORITY 6

/* What a tenant's queues had given of ids when they gave their names back: a QUEUE without a name. */
void key_of_floor(struct record_key *key, const struct queue *queue);

/* Of op->also: why they cannot be appended, in *refusal; before anything of op is written. Then
 * append them, in its transaction. */
mf_err ledger_also_refused(struct ledger *ledger, struct store_op *op, mf_err *refusal);
mf_err ledger_also_append(struct ledger *ledger, struct store_op *op);
mf_err ledger_append_refused(struct ledger *ledger, struct store_op *op, mf_err *refusal);

/* A queue's record: as the tables have it; and as changes find and leave it (ledger_kept.c). */
mf_err ledger_find_queue(struct ledger *ledger, const struct store_op *op, struct record *record);
mf_err ledger_kept_find(struct ledger *ledger, const struct store_op *op, struct record *record);
mf_err ledger_kept_put(struct ledger *ledger, const struct store_op *op, const struct record *record);
void ledger_kept_forget(struct ledger *ledger, const struct store_op *op); /* it was removed */

/* Notes of ends (ledger_note.c): write op's, if it has one, in its transaction; what of that stands at
 * the transaction's end; find one. */
mf_err ledger_note(struct ledger *ledger, const struct store_op *op);
/* Of an entry whose end the ledger decides: what its queue's owner notes of it, while it is there (false: nothing);
 * then to be written. */
bool ledger_own_note(const struct store_op *op, const struct queue_entry *entry, struct store_own_note *own);
mf_err ledger_note_own(struct ledger *ledger, const struct store_own_note *own);
mf_err ledger_notes_write_down(struct ledger *ledger);
void ledger_notes_let_go(struct ledger *ledger);
void ledger_find_note(struct ledger *ledger, struct store_op *op);

/* Between ledger_queue.c and ledger_append.c: entries and dead letters. */
void ledger_uncount(uint64_t *count, uint64_t *bytes, uint64_t less_bytes);
mf_err ledger_next_id(struct ledger *ledger, uint32_t queue, bool dead, uint64_t *id);
mf_err ledger_go_past(uint64_t *id, bool dead);
mf_err ledger_append(struct ledger *ledger, struct store_op *op, struct record *queue);
bool ledger_has_room(const struct store_op *op, const struct record_queue *queue, uint64_t count,
                     uint64_t bytes);
mf_err ledger_add_entry(struct ledger *ledger, struct record_queue *queue,
                        enum queue_priority priority, uint64_t now_ms, struct store_bytes event,
                        uint64_t *id);
/* How often an entry was taken. */
uint32_t ledger_attempts(struct ledger *ledger, uint32_t queue, uint64_t id);
mf_err ledger_remove_entry(struct ledger *ledger, struct record_queue *queue, uint64_t id,
                           uint64_t event_bytes);
mf_err ledger_put_dead(struct ledger *ledger, const struct store_op *op,
                       struct record_queue *queue, uint64_t id, uint32_t attempts,
                       const struct record *entry, struct store_bytes reason);

/* An entry whose end the ledger decides, for that reason: told, noted, and gone. MF_EFORMAT: it is damaged, and there yet. */
mf_err ledger_drop(struct ledger *ledger, struct store_op *op, struct record_queue *queue, uint64_t id,
                   struct store_bytes reason);

mf_err ledger_redrive(struct ledger *ledger, struct store_op *op, struct record *queue);
mf_err ledger_purge(struct ledger *ledger, struct store_op *op, struct record *queue);
bool ledger_ask_queue(struct ledger *ledger, struct store_op *op);
mf_err ledger_change_queue(struct ledger *ledger, struct store_op *op);
void ledger_settle_queue(struct ledger *ledger, struct store_op *op, bool committed);
void ledger_ask_space(struct ledger *ledger, struct store_op *op);
mf_err ledger_change_space(struct ledger *ledger, struct store_op *op);
mf_err ledger_take(struct ledger *ledger, struct store_op *op, const struct record_queue *queue);
mf_err ledger_return(struct ledger *ledger, uint32_t queue, uint64_t id, uint32_t attempts,
                     uint64_t due_ms);

#endif
