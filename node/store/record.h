/*
 * record.h: what stands in the store's file. A file format: records written by one version
 * are read by the next. Pure functions, any thread.
 *
 * A record is a head, fields by its kind, and, of ENTRY, DEAD, VALUE and CHUNK, a body of any bytes. Everything is
 * little-endian. The head's check covers the record's key, too, so that a record in a
 * wrong place is noticed. Nothing of a record is believed before record_read() said yes.
 *
 * Keys begin with the letter of their table and are big-endian, so that they sort:
 *   M                                     META   of the file
 *   Q tenant 0 name                       QUEUE; without a name: ids start behind its counter
 *   e queue:4 priority:1 id:8             ENTRY  of a queue
 *   s queue:4 id:8                        STATE  of one that was taken and came back
 *   d queue:4 priority:1 due_ms:8 id:8    –      the same in the order of their time
 *   x queue:4 id:8                        DEAD   letters
 *   S tenant                              SPACE
 *   v tenant 0 key                        VALUE
 *   t tenant 0 expires_ms:8 key           –      the same in the order of their end
 *   N                                     NOTES: which there are
 *   n number:8                            CHUNK  of notes of leases that ended, of one commit
 */
#ifndef MF_NODE_STORE_RECORD_H
#define MF_NODE_STORE_RECORD_H

#include "node/store/store.h"

#define RECORD_FORMAT 1u /* of the file: META's */
#define RECORD_VERSION 1u

struct record_head {
    uint8_t kind;
    uint8_t version;
    uint16_t reserved; /* 0 */
    uint32_t body_bytes;
    uint64_t check; /* SipHash-2-4, key 0, of key, head without check, fields, body */
};
_Static_assert(sizeof(struct record_head) == 16, "format");

struct record_meta {
    uint32_t format;
    uint32_t queues; /* numbers given so far: 1, 2 … */
};

struct record_queue {
    uint32_t number;
    uint32_t reserved;
    uint64_t counter; /* of ids given */
    uint64_t count, bytes;
    uint64_t dead_count, dead_bytes;
};

struct record_entry {
    uint64_t enqueued_ms;
};

struct record_state {
    uint64_t due_ms;
    uint32_t attempts;
    uint32_t reserved;
};

struct record_dead {
    uint64_t enqueued_ms;
    uint64_t died_ms;
    uint32_t attempts;
    uint32_t reason_bytes; /* at the body's beginning; the event follows */
};

struct record_space {
    uint64_t count, bytes;
};

struct record_value {
    uint64_t expires_ms;
};

struct record_notes {
    uint64_t chunks; /* ever written: the next one's number */
    uint64_t oldest; /* the first that is there             */
    uint64_t held;   /* notes in all that are               */
};

/* Body: of each note its key, the length of its text in two bytes, its text. */
struct record_chunk {
    uint64_t number;
    uint32_t count;
    uint32_t reserved;
};

/* X(NAME, name) */
#define RECORD_KINDS(X)                                                                \
    X(META, meta) X(QUEUE, queue) X(ENTRY, entry) X(STATE, state) X(DEAD, dead)        \
    X(SPACE, space) X(VALUE, value) X(NOTES, notes) X(CHUNK, chunk)
#define RECORD_ENUM(NAME, name) RECORD_##NAME,
enum record_kind { RECORD_NONE, RECORD_KINDS(RECORD_ENUM) RECORD_END };

struct record {
    enum record_kind kind;
    union {
#define RECORD_FIELDS(NAME, name) struct record_##name name;
        RECORD_KINDS(RECORD_FIELDS)
    };
    struct store_bytes body; /* borrowed */
};

_Static_assert(sizeof(struct record_meta) == 8 && sizeof(struct record_queue) == 48 &&
                   sizeof(struct record_entry) == 8 && sizeof(struct record_state) == 16 &&
                   sizeof(struct record_dead) == 24 && sizeof(struct record_space) == 16 &&
                   sizeof(struct record_value) == 8 && sizeof(struct record_notes) == 24 &&
                   sizeof(struct record_chunk) == 16,
               "format");

/* How large it is when written. */
size_t record_bytes(const struct record *record);

/* Write it into as many bytes. */
void record_write(const struct record *record, struct store_bytes key, uint8_t *room);

/* The record of that kind that `stored` holds under that key, nothing before or behind it.
 * MF_EFORMAT: it does not. The body points into stored. */
MF_CHECKED mf_err record_read(enum record_kind kind, struct store_bytes key,
                              struct store_bytes stored, struct record *record);

/* How long its body is, of a record of that kind that was read before: its check is not looked at
 * again. MF_EFORMAT: it is none of that length. */
MF_CHECKED mf_err record_body_bytes(enum record_kind kind, struct store_bytes stored, size_t *bytes);

/* ---- keys ---- */

#define RECORD_KEY_BYTES_MAX 511 /* LMDB's */

struct record_key {
    size_t bytes;
    uint8_t data[RECORD_KEY_BYTES_MAX];
};

/* Each adds to the key; what it is made of is within its limits. */
void record_key_start(struct record_key *key, char table);
void record_key_number(struct record_key *key, uint64_t number, unsigned bytes);
void record_key_bytes(struct record_key *key, struct store_bytes bytes);
void record_key_text(struct record_key *key, const char *text, bool end); /* end: and a 0 */

/* The big-endian number of `bytes` bytes at that place of a key, which holds it. */
uint64_t record_key_read(struct store_bytes key, size_t at, unsigned bytes);

static inline struct store_bytes record_key_of(const struct record_key *key)
{
    return (struct store_bytes){key->data, key->bytes};
}

#endif
