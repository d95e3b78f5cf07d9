/*
 * fuzz_store_record.c: a store's file with any records under any keys, then every operation on
 * it. Whatever stands there: nothing crashes, nothing goes on without end, and what is read
 * back as a record is, written again, the same bytes.
 * Input: records, each a byte for its table, one for the key's length, two for the value's,
 * then key and value. Checks are set right, for else nothing would ever be read.
 */
#include <stdlib.h>
#include <string.h>

#include "node/store/ledger.h"

#define RECORDS_MAX 64
#define QUEUE 1u /* its number, in most keys of the corpus */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct queue queue = {.tenant = "a", .name = "b"};
static struct space space = {.tenant = "a"};

/* The same record under its key, with a check that holds. */
static void put(struct tables *tables, enum record_kind kind, const struct record_key *key,
                const uint8_t *value, size_t bytes)
{
    struct record record = {.kind = kind};
    struct record again;
    uint8_t *room;
    size_t fields = record_bytes(&record) - sizeof(struct record_head);
    if (bytes < fields)
        return;
    memcpy(&record.meta, value, fields);
    record.body = (struct store_bytes){value + fields, bytes - fields};
    size_t whole = record_bytes(&record);
    uint8_t *written = malloc(whole);
    mf_assert(written);
    record_write(&record, record_key_of(key), written);
    mf_err err = record_read(kind, record_key_of(key), (struct store_bytes){written, whole}, &again);
    if (!err) { /* META and DEAD have rules of their own */
        uint8_t *copy = malloc(whole);
        mf_assert(copy && record_bytes(&again) == whole);
        record_write(&again, record_key_of(key), copy);
        mf_assert(memcmp(copy, written, whole) == 0);
        free(copy);
    }
    mf_assert(tables->kind->put(tables, record_key_of(key), whole, &room) == MF_OK);
    memcpy(room, written, whole);
    free(written);
}

static void fill(struct tables *tables, const uint8_t *data, size_t bytes)
{
    static const struct {
        char table;
        enum record_kind kind;
    } known[] = {{'M', RECORD_META},  {'Q', RECORD_QUEUE}, {'e', RECORD_ENTRY}, {'s', RECORD_STATE},
                 {'x', RECORD_DEAD},  {'S', RECORD_SPACE}, {'v', RECORD_VALUE}, {'d', RECORD_NONE},
                 {'t', RECORD_NONE}};
    struct record_key key;
    for (int i = 0; i < RECORDS_MAX && bytes >= 4; i++) {
        unsigned which = data[0] % (sizeof known / sizeof known[0]);
        size_t key_bytes = data[1], value_bytes = (size_t)(data[2] | data[3] << 8);
        uint8_t *room;
        data += 4;
        bytes -= 4;
        if (key_bytes > bytes || value_bytes > bytes - key_bytes)
            return;
        record_key_start(&key, known[which].table);
        record_key_bytes(&key, (struct store_bytes){data, key_bytes});
        if (known[which].kind != RECORD_NONE)
            put(tables, known[which].kind, &key, data + key_bytes, value_bytes);
        else
            mf_assert(tables->kind->put(tables, record_key_of(&key), 0, &room) == MF_OK);
        data += key_bytes + value_bytes;
        bytes -= key_bytes + value_bytes;
    }
}

static void run(struct ledger *ledger, struct store_op *op)
{
    bool changes = store_op_changes(op->kind);
    mf_err err = MF_OK;
    if (!changes)
        changes = ledger_ask(ledger, op);
    if (changes) {
        err = ledger_change(ledger, op);
        if (!err)
            err = ledger_write_down(ledger);
        ledger_let_go(ledger);
        ledger_settle(ledger, op, !err);
    }
    store_op_reset(op);
}

static void ask_queue(struct ledger *ledger, enum store_op_kind kind, bool dead, uint64_t id)
{
    static struct store_bytes event = {"event", 5};
    struct store_op op = {.kind = kind, .queue = &queue, .now_ms = 5000, .dead = dead, .id = id, .attempts = 1,
                          .count_max = 20, .bytes_max = 1000, .span_ms = 10, .events = &event, .event_count = 1,
                          .priority = QUEUE_BULK, .reason = {"why", 3}, .key = {"0123456789abcdef", STORE_NOTE_KEY_BYTES}, .value = {"note", 4},
                          .queue_settings = {.count_max = 50, .bytes_max = 5000, .dead_max = 20, .age_ms_max = 2000,
                                             .overflow = id % 2 ? QUEUE_DROPS : QUEUE_BURIES}};
    run(ledger, &op);
}

static void ask_space(struct ledger *ledger, enum store_op_kind kind)
{
    struct store_op op = {.kind = kind, .space = &space, .now_ms = 5000, .key = {"k", 1}, .value = {"v", 1},
                          .count_max = 20, .bytes_max = 1000, .values = true, .by = 3, .span_ms = 10, .absent = true,
                          .space_settings = {.bytes_max = 5000}};
    run(ledger, &op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct ledger ledger = {.durable = tables_memory_create()};
    struct mf_why why = {{0}};
    mf_assert(ledger.durable);
    fill(ledger.durable, data, bytes);
    if (!ledger_open(&ledger, &why)) {
        ask_queue(&ledger, STORE_PEEK, false, 0);
        ask_queue(&ledger, STORE_PEEK, true, 0);
        ask_queue(&ledger, STORE_APPEND, false, 0);
        for (int i = 0; i < 4; i++)
            ask_queue(&ledger, STORE_TAKE, false, 0);
        for (uint64_t id = 4; id < 16; id++)
            if (store_id_priority(id) < QUEUE_PRIORITIES)
                ask_queue(&ledger, id & 4 ? STORE_NACK : id & 8 ? STORE_BURY : STORE_ACK, false, id);
        ask_queue(&ledger, STORE_REDRIVE, true, 0);
        ask_queue(&ledger, STORE_TAKE, false, 0);
        ask_queue(&ledger, STORE_STAT, false, 0);
        ask_queue(&ledger, STORE_SIBLINGS, false, 0);
        ask_queue(&ledger, STORE_PURGE, false, 0);
        ask_queue(&ledger, STORE_PURGE, true, 0);
        for (int kind = STORE_SET; kind <= STORE_COMPARE; kind++)
            ask_space(&ledger, (enum store_op_kind)kind);
        ask_space(&ledger, STORE_READ);
        ask_space(&ledger, STORE_SCAN);
        ask_space(&ledger, STORE_NOTE);
    }
    tables_memory_destroy(ledger.durable);
    ledger_close(&ledger);
    return 0;
}
