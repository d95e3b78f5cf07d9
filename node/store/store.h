/*
 * store.h: what outlives a call: durable queues and key-values. One interface, three back
 * ends: LMDB (store_lmdb.c), Redis (store_redis.c), memory (store_memory.c, for tests).
 *
 * Every operation is asynchronous, and none blocks the loop:
 *   - it returns MF_OK and done() is called exactly once, later, from the loop, never from
 *     within the call; or it returns an error, had no effect, and done() is never called.
 *   - What is passed in is copied. What an answer points to lives until done() returns.
 *   - An answer MF_OK to a change means: as durable as the queue or space asks.
 *   - An error means that nothing was changed, except MF_EDEAD (Redis only: the connection
 *     was lost, so nobody knows) after which one has to do it again, or look.
 *   - Changes to one queue or space take effect in the order of the calls. A question sees
 *     at least every change that was answered before it was asked.
 *
 * Time is the caller's: now_ms, milliseconds since 1970, of a clock that does not run
 * backwards while the store is open (CLOCK_REALTIME at the node's start and what
 * CLOCK_MONOTONIC adds). Nothing here has a timer for entries: a take's answer says when
 * the next one is due, and the owner of the queue comes back then.
 *
 * Errors of all operations: MF_EINVAL (a name, key or number that is none), MF_ETOOBIG (a
 * size past base/limits.h), MF_EAGAIN (too many operations wait already; later),
 * MF_ENOMEM, MF_EIO, MF_EFULL (the disk, or a bound), MF_EFORMAT (what is stored is
 * damaged), MF_EDEAD (the store is closing, or Redis away).
 *
 * Loop thread only.
 */
#ifndef MF_NODE_STORE_STORE_H
#define MF_NODE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/loop/list.h"

#define STORE_NEVER UINT64_MAX
#define STORE_DATE_MS_MAX (1ull << 52) /* no time is as late: so a double can hold all */

struct store;
struct queue;
struct space;

struct store_bytes {
    const void *data;
    size_t bytes;
};

/* ---- the store ---- */

struct store_options {
    const char *url;       /* "memory:", "redis://[USER:PASSWORD@]HOST[:PORT][/DB]",
                              "redis+unix:PATH"; NULL or "lmdb:": LMDB in directory      */
    const char *directory; /* LMDB's; exists, is ours alone                              */
    const char *node;      /* Redis: this node's name, the same after a restart, no other
                              node's; MF_NAME_BYTES_MAX. NULL: "node"                    */
    uint64_t file_bytes_max; /* LMDB: of each of its two files; 0: MF_STORE_FILE_BYTES_MAX */
};

/* MF_EFORMAT: the file is none of ours, newer or damaged. Redis need not be there yet. May
 * take as long as a disk does: at the node's start. */
MF_CHECKED mf_err store_open(uv_loop_t *loop, const struct store_options *options,
                             struct store **store, struct mf_why *why);

void store_quiet(struct store *store);            /* from now on all is refused: MF_EDEAD  */
bool store_busy(const struct store *store);       /* some operation is not answered yet    */

/* Answer everything that is outstanding (from within the call), then end. All queues and
 * spaces must have been put. Not from within done(). The memory goes when the loop has run
 * once more. NULL is fine. */
void store_close(struct store *store);

/* ---- who answers ---- */

struct store_answer;
typedef void (*store_done)(void *context, const struct store_answer *answer);

struct store_ask {
    uint64_t now_ms;
    store_done done; /* NULL: nobody wants to know */
    void *context;
};

/* ---- queues ---- */

/* Urgent ones overtake bulk ones; within a priority an entry that came back goes before
 * those that were never taken, and these go in the order in which they were appended. */
enum queue_priority { QUEUE_URGENT, QUEUE_BULK, QUEUE_PRIORITIES };

enum store_durability {
    STORE_POWER_LOSS,    /* on the disk before it is answered                          */
    STORE_PROCESS_CRASH, /* the operating system has it; on the disk within
                            MF_STORE_SYNC_MS. LMDB keeps these in a file of their own. */
};

/* What an append does that has no room. */
enum queue_overflow {
    QUEUE_REFUSES, /* MF_EFULL                                                               */
    QUEUE_DROPS,   /* The oldest entries that wait make room in the same step, bulk ones first,
                      urgent ones only for urgent ones, none that is taken, at most
                      MF_QUEUE_DROPPED_MAX. MF_EFULL: that is not enough, and none was dropped */
    QUEUE_BURIES,  /* its events become dead letters, reason QUEUE_WAS_FULL. MF_EFULL: dead_max */
};

/* How a lease ended, to be found by a key when its entry is gone: written with its end, in the same
 * step; an end that is refused writes none. At least the last MF_NOTES_MAX of the store are there (LMDB: of each
 * durability), the oldest go first; of two with the same key the later is found. At a full disk LMDB ends leases and
 * writes no notes. */
#define STORE_NOTE_KEY_BYTES 16
struct store_note {
    uint8_t key[STORE_NOTE_KEY_BYTES];
    struct store_bytes text; /* at most MF_NOTE_BYTES_MAX; MF_ETOOBIG */
};
/* One that owns its text. */
struct store_own_note {
    struct store_note note;
    uint8_t text[MF_NOTE_BYTES_MAX];
};

struct queue_entry;
/* The note of an entry of that queue whose end the store decides, with its end's reason; died_ms: it becomes a dead
 * letter. Of its event there may be only the beginning. False: none. It is written in the same step (Redis: in the next
 * one, which a node that dies in between does not send). Any thread; for the life of the store. */
typedef bool (*store_note_of)(const char *queue, const struct queue_entry *entry, uint64_t now_ms,
                              struct store_own_note *note);

struct queue_settings {
    enum store_durability durability; /* LMDB: cannot be changed while the queue holds entries */
    uint64_t count_max, bytes_max;    /* of entries; 0: MF_QUEUE_COUNT_DEFAULT, _BYTES_DEFAULT */
    uint64_t dead_max;                /* dead letters; 0: MF_QUEUE_DEAD_DEFAULT                */
    uint64_t age_ms_max;              /* older ones become dead letters when they would be
                                         taken, reason QUEUE_TOO_OLD; 0: no limit              */
    enum queue_overflow overflow;
    uint32_t tenant_queues_max; /* queues that its tenant may have, empty ones included: a name is for
                                   good, until a purge leaves nothing of its queue. An append that would
                                   make one more: MF_EFULL. 0: no bound                               */
    uint64_t tenant_bytes_max;  /* of all of these, dead letters included; as bytes_max. Only where
                                   tenant_queues_max is. Appends of one step are judged one by one    */
    store_note_of note_of;      /* NULL: what the store ends by itself leaves no note                 */
};

#define QUEUE_TOO_OLD "too old"
#define QUEUE_WAS_FULL "queue full"
#define QUEUE_PURGED "purged"

/* An entry, as take and peek tell it. */
struct queue_entry {
    uint64_t id;          /* ascends with appending, within a priority; never 0, never used again */
    enum queue_priority priority;
    uint64_t enqueued_ms;
    uint64_t due_ms;      /* taken: the lease's end; given back: not before. 0: at once  */
    uint32_t attempts;    /* how often it was taken, this time included: the lease's name  */
    struct store_bytes event;
    uint64_t died_ms;     /* of a dead letter, and why */
    struct store_bytes reason;
};

struct queue_stat {
    uint64_t count, bytes;           /* all that is not acknowledged, taken ones too */
    uint64_t dead_count, dead_bytes;
};

/* The queue of that tenant and name (as functions': DNS labels), made when something is
 * appended. Counted; the same object for the same name. settings are in force from the
 * next operation on. */
MF_CHECKED mf_err queue_get(struct store *store, const char *tenant, const char *name,
                            const struct queue_settings *settings, struct queue **queue);
void queue_put(struct queue *queue);
struct queue *queue_again(struct queue *queue); /* one more reference; the queue */

/* Who wants to know that a take may find something, or another due_ms, now: after an
 * append, a give-back, a redrive, by whatever node. A hint: may come for nothing, and comes
 * whenever Redis was away. Storage is the caller's; unwatch before queue_put(). ready() may
 * unwatch itself, no other one. */
struct queue_watch {
    struct link link;
    void (*ready)(struct queue_watch *watch);
    /* NULL: nobody wants to know. Entries whose end this store decided, before it is answered: what an append, also
     * one beside another change, has dropped (QUEUE_DROPS, reason QUEUE_WAS_FULL), what a take found too old
     * (QUEUE_TOO_OLD; died_ms), and what a purge has removed of what waited (QUEUE_PURGED). 1 … MF_QUEUE_BATCH_MAX;
     * id, priority, enqueued_ms, attempts, and of each event the beginning, MF_QUEUE_ENDED_TOLD_BYTES at most. May
     * unwatch nobody. */
    void (*ended)(struct queue_watch *watch, const struct queue_entry *entries, size_t count);
};
void queue_watch(struct queue *queue, struct queue_watch *watch);
void queue_unwatch(struct queue *queue, struct queue_watch *watch);

/* All of them or none; 1 … MF_QUEUE_BATCH_MAX. Answer: ids, count. MF_EFULL: past
 * count_max or bytes_max. answer.number: entries that were dropped, or buried, as `overflow` says. */
MF_CHECKED mf_err queue_append(struct queue *queue, enum queue_priority priority,
                               const struct store_bytes *events, size_t count,
                               const struct store_ask *ask);

/* At most count_max (1 … MF_QUEUE_BATCH_MAX) entries of together bytes_max (but one at
 * least), each leased for lease_ms (1 … MF_QUEUE_LEASE_MS_MAX). Answer: entries, count (0:
 * nothing there), and due_ms: when there will be more if nothing is appended; at most
 * now_ms: at once, STORE_NEVER: none. Attempts count even if the process is killed. */
MF_CHECKED mf_err queue_take(struct queue *queue, uint32_t count_max, size_t bytes_max,
                             uint64_t lease_ms, const struct store_ask *ask);

/* The four ways to end or change a lease, named by id and attempts. Answered MF_ENOENT
 * when it is no longer yours: it passed and another took the entry, or it was ended. */
MF_CHECKED mf_err queue_ack(struct queue *queue, uint64_t id, uint32_t attempts,
                            const struct store_ask *ask);
/* Back into the queue, not before now_ms + delay_ms (at most MF_QUEUE_DELAY_MS_MAX). */
MF_CHECKED mf_err queue_nack(struct queue *queue, uint64_t id, uint32_t attempts,
                             uint64_t delay_ms, const struct store_ask *ask);
MF_CHECKED mf_err queue_extend(struct queue *queue, uint64_t id, uint32_t attempts,
                               uint64_t lease_ms, const struct store_ask *ask);
/* To the dead letters; reason: at most MF_QUEUE_REASON_BYTES_MAX. MF_EFULL: dead_max. */
MF_CHECKED mf_err queue_bury(struct queue *queue, uint64_t id, uint32_t attempts,
                             struct store_bytes reason, const struct store_ask *ask);

/* The same, with a note of it. */
MF_CHECKED mf_err queue_ack_noted(struct queue *queue, uint64_t id, uint32_t attempts,
                                  const struct store_note *note, const struct store_ask *ask);
MF_CHECKED mf_err queue_bury_noted(struct queue *queue, uint64_t id, uint32_t attempts,
                                   struct store_bytes reason, const struct store_note *note,
                                   const struct store_ask *ask);

/* Answer: stat. A queue that was never appended to is empty. */
MF_CHECKED mf_err queue_stat(struct queue *queue, const struct store_ask *ask);

/* The queues of this one's tenant that are as durable, behind that name (empty: from the first), in the order of their
 * names, and their sizes; empty ones, too. Answer: pairs, count, at most MF_QUEUE_NAMES_MAX; each one's value is a
 * struct queue_stat, not aligned. more: ask again, after the last of them. MF_EINVAL: no name can be as long. */
MF_CHECKED mf_err queue_siblings(struct queue *queue, struct store_bytes after, const struct store_ask *ask);

/* Entries after the one of that id (0: from the first), taken ones too, urgent ones first,
 * then as they were appended; or dead letters. Answer: entries, count, more. Of events larger than a body_max only the
 * size is told, data NULL. */
MF_CHECKED mf_err queue_peek(struct queue *queue, bool dead, uint64_t after_id,
                             uint32_t count_max, size_t body_max, const struct store_ask *ask);

/* Up to count_max dead letters, oldest first, to the queue's end, as if appended now.
 * Answer: count. MF_EFULL: the queue took none of them. */
MF_CHECKED mf_err queue_redrive(struct queue *queue, uint32_t count_max,
                                const struct store_ask *ask);

/* Remove up to count_max entries, taken ones too, or dead letters, oldest first; of entries fewer where what is told
 * of them (queue_watch.ended) has MF_SCAN_BYTES_MAX. Each of these is noted (note_of). Answer: count. count_max of both:
 * 1 … MF_QUEUE_BATCH_MAX; do it again until count is 0. Of a tenant whose queues are bounded, a queue that is empty
 * then, dead letters included, gives its name back. */
MF_CHECKED mf_err queue_purge(struct queue *queue, bool dead, uint32_t count_max,
                              const struct store_ask *ask);

/* ---- key-values ---- */

struct space_settings {
    enum store_durability durability; /* as of queues                                         */
    uint64_t bytes_max;               /* of keys and values; 0: MF_SPACE_BYTES_DEFAULT        */
};

/* A tenant's keys (1 … MF_KEY_BYTES_MAX bytes of any kind), in the order of their bytes.
 * Counted, as queues. */
MF_CHECKED mf_err space_get(struct store *store, const char *tenant,
                            const struct space_settings *settings, struct space **space);
void space_put(struct space *space);

struct space_pair {
    struct store_bytes key, value;
    uint64_t expires_ms; /* STORE_NEVER: does not */
};

/* Answer: value, expires_ms, or MF_ENOENT. MF_ETOOBIG: it has more than bytes_max bytes, and was
 * not copied. */
MF_CHECKED mf_err space_read(struct space *space, struct store_bytes key, size_t bytes_max,
                             const struct store_ask *ask);
/* life_ms: gone after so long; 0: stays. MF_EFULL: bytes_max. */
MF_CHECKED mf_err space_set(struct space *space, struct store_bytes key, struct store_bytes value,
                            uint64_t life_ms, const struct store_ask *ask);
/* Answer: MF_ENOENT if there was none. */
MF_CHECKED mf_err space_delete(struct space *space, struct store_bytes key,
                               const struct store_ask *ask);
/* A decimal number, 64 bits, signed; 0 where there is none yet. Answer: number. MF_EINVAL: the
 * value is no number, or the sum would not be. The time of its end stays. */
MF_CHECKED mf_err space_increment(struct space *space, struct store_bytes key, int64_t by,
                                  const struct store_ask *ask);
/* Set it if its value is `expected` (NULL: if it is not there). Answer: MF_EEXIST and the value
 * if it is another one, MF_ENOENT if there is none. */
MF_CHECKED mf_err space_compare_and_set(struct space *space, struct store_bytes key,
                                        const struct store_bytes *expected,
                                        struct store_bytes value, uint64_t life_ms,
                                        const struct store_ask *ask);
/* Keys that begin with prefix and are greater than `after` (empty: from the first), 1 …
 * MF_SCAN_COUNT_MAX of them. Answer: pairs, count, more: then ask again after the last key.
 * values: with their values. Keys and values together have at most bytes_max bytes, of which
 * more than MF_SCAN_BYTES_MAX are none; MF_ETOOBIG: the first pair alone has more. */
MF_CHECKED mf_err space_scan(struct space *space, struct store_bytes prefix,
                             struct store_bytes after, uint32_t count_max, size_t bytes_max,
                             bool values, const struct store_ask *ask);

/* The note of that key among those that ended leases of queues that durable; the space says of which
 * store. older: 0, or where an answer said to go on. Answer: value; or MF_ENOENT, and if there
 * are older ones that were not looked at: more, and number, where to go on. */
MF_CHECKED mf_err space_note(struct space *space, enum store_durability durability,
                             const uint8_t key[static STORE_NOTE_KEY_BYTES], uint64_t older,
                             const struct store_ask *ask);

/* ---- changes with appends beside them ---- */

/* Events that are appended with a change, in the same step: all of it, or nothing. At most
 * MF_STORE_ALSO_MAX, each to another queue, which is as durable as what is changed, and is not
 * the one that is appended to; else MF_EINVAL. A change that is refused appends nothing.
 * MF_EFULL: also where one of these queues has no room; then nothing was changed. */
struct store_also {
    struct queue *queue;
    enum queue_priority priority;
    struct store_bytes event;
};
struct store_beside {
    const struct store_also *list;
    size_t count;
};

MF_CHECKED mf_err queue_append_beside(struct queue *queue, enum queue_priority priority,
                                      const struct store_bytes *events, size_t count,
                                      const struct store_beside *beside,
                                      const struct store_ask *ask);
MF_CHECKED mf_err queue_ack_beside(struct queue *queue, uint64_t id, uint32_t attempts,
                                   const struct store_beside *beside, const struct store_ask *ask);
MF_CHECKED mf_err space_set_beside(struct space *space, struct store_bytes key,
                                   struct store_bytes value, uint64_t life_ms,
                                   const struct store_beside *beside, const struct store_ask *ask);
MF_CHECKED mf_err space_delete_beside(struct space *space, struct store_bytes key,
                                      const struct store_beside *beside,
                                      const struct store_ask *ask);
MF_CHECKED mf_err space_increment_beside(struct space *space, struct store_bytes key, int64_t by,
                                         const struct store_beside *beside,
                                         const struct store_ask *ask);
MF_CHECKED mf_err space_compare_and_set_beside(struct space *space, struct store_bytes key,
                                               const struct store_bytes *expected,
                                               struct store_bytes value, uint64_t life_ms,
                                               const struct store_beside *beside,
                                               const struct store_ask *ask);

/* ---- answers ---- */

/* What does not belong to the operation is zero. */
struct store_answer {
    mf_err err;
    bool bounded; /* MF_EFULL: a bound of the queue, its tenant or the space; else the disk's */
    size_t count; /* of ids, entries or pairs; or how many it was */
    const uint64_t *ids;
    const struct queue_entry *entries;
    const struct space_pair *pairs;
    bool more;
    uint64_t due_ms;
    struct queue_stat stat;
    struct store_bytes value;
    uint64_t expires_ms;
    int64_t number;
};

#endif
