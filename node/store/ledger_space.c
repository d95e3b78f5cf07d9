/*
 * ledger_space.c: key-values.
 * Guarantees: what expired is never told; count and bytes of a space are those of what
 * stands in it, expired or not. A change removes some that expired on its way.
 */
#include <stdio.h>
#include <string.h>

#include "node/store/decimal.h"
#include "node/store/ledger.h"

static void read_value(struct ledger *ledger, struct store_op *op);
static void scan(struct ledger *ledger, struct store_op *op);
static mf_err find(struct ledger *ledger, const struct store_op *op, struct record *value);
static mf_err change(struct ledger *ledger, struct store_op *op, struct record *space);

void ledger_ask_space(struct ledger *ledger, struct store_op *op)
{
    if (op->kind == STORE_SCAN)
        scan(ledger, op);
    else if (op->kind == STORE_NOTE)
        ledger_find_note(ledger, op);
    else
        read_value(ledger, op);
}

static void key_of_space(struct record_key *key, const struct space *space)
{
    record_key_start(key, 'S');
    record_key_text(key, space->tenant, false);
}

static void key_of_value(struct record_key *key, const struct space *space,
                         struct store_bytes name)
{
    record_key_start(key, 'v');
    record_key_text(key, space->tenant, true);
    record_key_bytes(key, name);
}

static void key_of_end(struct record_key *key, const struct space *space, uint64_t expires_ms,
                       struct store_bytes name)
{
    record_key_start(key, 't');
    record_key_text(key, space->tenant, true);
    record_key_number(key, expires_ms, 8);
    record_key_bytes(key, name);
}

/* ---- questions ---- */

/* MF_ENOENT: not there, or not any more. */
static mf_err find(struct ledger *ledger, const struct store_op *op, struct record *value)
{
    struct record_key key;
    key_of_value(&key, op->space, op->key);
    mf_err err = ledger_get(ledger, RECORD_VALUE, &key, value);
    return !err && value->value.expires_ms <= op->now_ms ? MF_ENOENT : err;
}

static void read_value(struct ledger *ledger, struct store_op *op)
{
    struct record value;
    mf_err err = find(ledger, op, &value);
    if (!err && value.body.bytes > op->bytes_max)
        err = MF_ETOOBIG;
    if (!err)
        err = store_op_value(op, value.body);
    if (!err)
        op->answer.expires_ms = value.value.expires_ms;
    op->answer.err = err;
}

/* One that does not fit any more: `more` says so. */
static mf_err tell_pair(struct store_op *op, struct store_bytes key,
                        struct store_bytes stored, size_t head_bytes)
{
    struct record value;
    struct space_pair pair = {
        .key = {(const uint8_t *)key.data + head_bytes, key.bytes - head_bytes}};
    mf_err err = record_read(RECORD_VALUE, key, stored, &value);
    if (err)
        return err == MF_EFORMAT ? MF_OK : err; /* passed over */
    if (value.value.expires_ms <= op->now_ms)
        return MF_OK;
    pair.expires_ms = value.value.expires_ms;
    if (op->values)
        pair.value = value.body;
    if (pair.key.bytes + pair.value.bytes > op->bytes_max - op->list_bytes) {
        op->answer.more = op->answer.count > 0;
        return op->answer.more ? MF_OK : MF_ETOOBIG;
    }
    return store_op_pair(op, &pair);
}

static void scan(struct ledger *ledger, struct store_op *op)
{
    struct record_key key;
    struct store_bytes found, stored;
    key_of_value(&key, op->space, (struct store_bytes){0});
    size_t head_bytes = key.bytes, prefix_bytes = key.bytes + op->prefix.bytes;
    record_key_bytes(&key, op->prefix);
    struct record_key from = key;
    if (op->after.bytes) {
        from.bytes = head_bytes;
        record_key_bytes(&from, op->after);
        record_key_number(&from, 0, 1); /* the next key that there can be */
    }
    if (from.bytes < prefix_bytes || memcmp(from.data, key.data, prefix_bytes) < 0)
        from = key;
    mf_err err = MF_OK;
    while (!err && !(err = ledger_seek(ledger->durable, &from, head_bytes, &found, &stored))) {
        if (found.bytes < prefix_bytes || memcmp(found.data, key.data, prefix_bytes) != 0)
            break;
        if (op->answer.count == op->count_max) {
            op->answer.more = true;
            break;
        }
        err = tell_pair(op, found, stored, head_bytes);
        if (op->answer.more)
            break;
        from.bytes = 0;
        record_key_bytes(&from, found);
        record_key_number(&from, 0, 1);
    }
    op->answer.err = err == MF_ENOENT ? MF_OK : err;
}

/* ---- changes ---- */

static uint64_t size_of(struct store_bytes name, struct store_bytes value)
{
    return (uint64_t)name.bytes + value.bytes;
}

/* Take a value out of tables and counts; one that is damaged counts as its key. */
static mf_err remove_value(struct ledger *ledger, const struct store_op *op,
                           struct record_space *space, struct store_bytes name)
{
    struct record_key key, end;
    struct record value = {.body = {0}};
    key_of_value(&key, op->space, name);
    mf_err err = ledger_get(ledger, RECORD_VALUE, &key, &value);
    if (err == MF_ENOENT)
        return MF_OK;
    if (err && err != MF_EFORMAT)
        return err;
    uint64_t bytes = size_of(name, err ? (struct store_bytes){0} : value.body);
    space->count -= space->count > 0;
    space->bytes = space->count && space->bytes > bytes ? space->bytes - bytes : 0;
    if (!err && value.value.expires_ms != STORE_NEVER) {
        key_of_end(&end, op->space, value.value.expires_ms, name);
        err = ledger_remove(ledger, &end);
    } else
        err = MF_OK;
    return err ? err : ledger_remove(ledger, &key);
}

static mf_err add_value(struct ledger *ledger, const struct store_op *op,
                        struct record_space *space, struct store_bytes bytes, uint64_t expires_ms)
{
    struct record_key key;
    uint8_t *room;
    struct record value = {
        .kind = RECORD_VALUE, .value = {.expires_ms = expires_ms}, .body = bytes};
    mf_err err = remove_value(ledger, op, space, op->key);
    if (err)
        return err;
    space->count++;
    space->bytes += size_of(op->key, bytes);
    key_of_value(&key, op->space, op->key);
    err = ledger_put(ledger, &key, &value);
    if (err || expires_ms == STORE_NEVER)
        return err;
    key_of_end(&key, op->space, expires_ms, op->key);
    return ledger->durable->kind->put(ledger->durable, record_key_of(&key), 0, &room);
}

static mf_err remove_expired(struct ledger *ledger, const struct store_op *op,
                             struct record_space *space)
{
    struct record_key key, name;
    struct store_bytes found, stored;
    mf_err err = MF_OK;
    for (unsigned i = 0; i < MF_EXPIRED_PER_CHANGE_MAX && !err; i++) {
        key_of_end(&key, op->space, 0, (struct store_bytes){0});
        size_t head_bytes = key.bytes - 8;
        err = ledger_seek(ledger->durable, &key, head_bytes, &found, &stored);
        if (err || found.bytes < key.bytes ||
            record_key_read(found, head_bytes, 8) > op->now_ms)
            break;
        name.bytes = key.bytes = 0;
        record_key_bytes(&key, found);
        record_key_bytes(&name, (struct store_bytes){key.data + head_bytes + 8,
                                                     key.bytes - head_bytes - 8});
        err = remove_value(ledger, op, space, record_key_of(&name));
        if (!err)
            err = ledger_remove(ledger, &key); /* if the value did not know of it */
    }
    return err == MF_ENOENT ? MF_OK : err;
}

mf_err ledger_change_space(struct ledger *ledger, struct store_op *op)
{
    struct record_key key;
    struct record space;
    key_of_space(&key, op->space);
    mf_err err = ledger_get(ledger, RECORD_SPACE, &key, &space);
    if (err == MF_EFORMAT) {
        op->answer.err = err;
        return MF_OK;
    }
    if (err == MF_ENOENT)
        space = (struct record){.kind = RECORD_SPACE};
    else if (err)
        return err;
    err = remove_expired(ledger, op, &space.space);
    if (!err)
        err = change(ledger, op, &space);
    return err ? err : ledger_put(ledger, &key, &space);
}

/* Room for the new value where the old one was. */
static bool has_room(const struct store_op *op, const struct record_space *space, mf_err found,
                     const struct record *old, struct store_bytes value)
{
    uint64_t bytes = space->bytes;
    if (!found) {
        uint64_t old_bytes = size_of(op->key, old->body);
        bytes = bytes > old_bytes ? bytes - old_bytes : 0;
    }
    uint64_t more = size_of(op->key, value), max = op->space_settings.bytes_max;
    return bytes <= max && more <= max - bytes;
}

static mf_err increment(struct store_op *op, mf_err found, const struct record *old, char *text,
                        struct store_bytes *value, uint64_t *expires_ms)
{
    int64_t number = 0;
    if (!found && !decimal_read(old->body, &number))
        return MF_EINVAL;
    if (__builtin_add_overflow(number, op->by, &number))
        return MF_EINVAL;
    *value = (struct store_bytes){text, (size_t)snprintf(text, DECIMAL_ROOM, "%lld", (long long)number)};
    *expires_ms = found ? STORE_NEVER : old->value.expires_ms;
    op->answer.number = number;
    return MF_OK;
}

static mf_err compare(struct store_op *op, mf_err found, const struct record *old)
{
    if (found)
        return op->absent ? MF_OK : MF_ENOENT;
    if (!op->absent && old->body.bytes == op->expected.bytes &&
        (old->body.bytes == 0 ||
         memcmp(old->body.data, op->expected.data, old->body.bytes) == 0))
        return MF_OK;
    mf_err err = store_op_value(op, old->body);
    op->answer.expires_ms = old->value.expires_ms;
    return err ? err : MF_EEXIST;
}

static mf_err change(struct ledger *ledger, struct store_op *op, struct record *space)
{
    struct record old;
    char text[DECIMAL_ROOM];
    struct store_bytes value = op->value;
    uint64_t expires_ms = op->span_ms ? op->now_ms + op->span_ms : STORE_NEVER;
    mf_err err = MF_OK, found = find(ledger, op, &old);
    if (found == MF_EFORMAT && (op->kind == STORE_SET || op->kind == STORE_DELETE))
        found = op->kind == STORE_SET ? MF_ENOENT : MF_OK; /* that is how to be rid of it */
    else if (found && found != MF_ENOENT)
        err = found;
    if (!err && op->kind == STORE_DELETE)
        err = found;
    else if (!err && op->kind == STORE_INCREMENT)
        err = increment(op, found, &old, text, &value, &expires_ms);
    else if (!err && op->kind == STORE_COMPARE)
        err = compare(op, found, &old);
    if (!err && op->kind != STORE_DELETE && !has_room(op, &space->space, found, &old, value))
        err = MF_EFULL;
    if (!err) {
        mf_err failed = ledger_also_refused(ledger, op, &err);
        if (failed)
            return failed;
    }
    op->answer.err = err;
    if (err) {
        op->answer.number = 0;
        return MF_OK;
    }
    return op->kind == STORE_DELETE
               ? remove_value(ledger, op, &space->space, op->key)
               : add_value(ledger, op, &space->space, value, expires_ms);
}
