/*
 * store_space.c: what can be asked of key-values: checks, one struct for each operation.
 * Guarantees: what a back end gets is within every limit. Loop thread only.
 */
#include "node/store/store_op.h"

_Static_assert(MF_KEY_BYTES_MAX + MF_VALUE_BYTES_MAX <= MF_SCAN_BYTES_MAX, "a scan gets past any value");

static mf_err begin_space(struct space *space, enum store_op_kind kind, struct store_bytes key,
                          size_t more_bytes, const struct store_ask *ask, struct store_op **op,
                          uint8_t **at)
{
    if (kind != STORE_SCAN && key.bytes == 0)
        return MF_EINVAL;
    if (key.bytes > MF_KEY_BYTES_MAX)
        return MF_ETOOBIG;
    mf_err err = store_op_begin(space->store, kind, ask, key.bytes + more_bytes, op);
    if (err)
        return err;
    space->references++;
    (*op)->space = space;
    (*op)->space_settings = space->settings;
    *at = (*op)->bytes;
    (*op)->key = store_op_keep(at, key);
    return MF_OK;
}

mf_err space_read(struct space *space, struct store_bytes key, size_t bytes_max,
                  const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    mf_err err = begin_space(space, STORE_READ, key, 0, ask, &op, &at);
    if (err)
        return err;
    op->bytes_max = bytes_max;
    store_op_submit(op);
    return MF_OK;
}

mf_err space_note(struct space *space, enum store_durability durability,
                  const uint8_t key[static STORE_NOTE_KEY_BYTES], uint64_t older,
                  const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    mf_err err = begin_space(space, STORE_NOTE, (struct store_bytes){key, STORE_NOTE_KEY_BYTES}, 0, ask, &op, &at);
    if (err)
        return err;
    op->space_settings.durability = durability; /* where it is looked for */
    op->id = older;
    store_op_submit(op);
    return MF_OK;
}

mf_err space_delete(struct space *space, struct store_bytes key, const struct store_ask *ask)
{
    return space_delete_beside(space, key, NULL, ask);
}

mf_err space_delete_beside(struct space *space, struct store_bytes key,
                           const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    mf_err err = begin_space(space, STORE_DELETE, key, 0, ask, &op, &at);
    return err ? err : store_op_submit_beside(op, beside);
}

mf_err space_increment(struct space *space, struct store_bytes key, int64_t by,
                       const struct store_ask *ask)
{
    return space_increment_beside(space, key, by, NULL, ask);
}

mf_err space_increment_beside(struct space *space, struct store_bytes key, int64_t by,
                              const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    mf_err err = begin_space(space, STORE_INCREMENT, key, 0, ask, &op, &at);
    if (err)
        return err;
    op->by = by;
    return store_op_submit_beside(op, beside);
}

/* life_ms so large that its end is no date any more is as good as forever. */
static mf_err set(struct space *space, enum store_op_kind kind, struct store_bytes key,
                  const struct store_bytes *expected, struct store_bytes value, uint64_t life_ms,
                  const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    size_t expected_bytes = expected ? expected->bytes : 0;
    if (value.bytes > MF_VALUE_BYTES_MAX || expected_bytes > MF_VALUE_BYTES_MAX)
        return MF_ETOOBIG;
    mf_err err = begin_space(space, kind, key, value.bytes + expected_bytes, ask, &op, &at);
    if (err)
        return err;
    op->value = store_op_keep(&at, value);
    op->absent = !expected;
    if (expected)
        op->expected = store_op_keep(&at, *expected);
    op->span_ms = life_ms >= STORE_DATE_MS_MAX ? 0 : life_ms;
    return store_op_submit_beside(op, beside);
}

mf_err space_set(struct space *space, struct store_bytes key, struct store_bytes value,
                 uint64_t life_ms, const struct store_ask *ask)
{
    return space_set_beside(space, key, value, life_ms, NULL, ask);
}

mf_err space_set_beside(struct space *space, struct store_bytes key, struct store_bytes value,
                        uint64_t life_ms, const struct store_beside *beside,
                        const struct store_ask *ask)
{
    return set(space, STORE_SET, key, NULL, value, life_ms, beside, ask);
}

mf_err space_compare_and_set(struct space *space, struct store_bytes key,
                             const struct store_bytes *expected, struct store_bytes value,
                             uint64_t life_ms, const struct store_ask *ask)
{
    return space_compare_and_set_beside(space, key, expected, value, life_ms, NULL, ask);
}

mf_err space_compare_and_set_beside(struct space *space, struct store_bytes key,
                                    const struct store_bytes *expected, struct store_bytes value,
                                    uint64_t life_ms, const struct store_beside *beside,
                                    const struct store_ask *ask)
{
    return set(space, STORE_COMPARE, key, expected, value, life_ms, beside, ask);
}

mf_err space_scan(struct space *space, struct store_bytes prefix, struct store_bytes after,
                  uint32_t count_max, size_t bytes_max, bool values, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    if (!store_counts(count_max, MF_SCAN_COUNT_MAX))
        return MF_EINVAL;
    if (after.bytes > MF_KEY_BYTES_MAX)
        return MF_ETOOBIG;
    mf_err err = begin_space(space, STORE_SCAN, prefix, after.bytes, ask, &op, &at);
    if (err)
        return err;
    op->prefix = op->key;
    op->after = store_op_keep(&at, after);
    op->count_max = count_max;
    op->bytes_max = bytes_max < MF_SCAN_BYTES_MAX ? bytes_max : MF_SCAN_BYTES_MAX;
    op->values = values;
    store_op_submit(op);
    return MF_OK;
}
