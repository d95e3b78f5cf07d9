/*
 * record.c: records to bytes and back, and their keys.
 * Guarantees: what was read is what was written under that key, or it is refused.
 */
#include "node/store/record.h"

#include <sodium.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they are");

static const size_t fields_bytes[RECORD_END] = {
#define RECORD_SIZE(NAME, name) [RECORD_##NAME] = sizeof(struct record_##name),
    RECORD_KINDS(RECORD_SIZE)};

/* The check of what follows is keyed by that of what was before. */
static uint64_t check_more(uint64_t check, const void *data, size_t bytes)
{
    uint8_t key[crypto_shorthash_KEYBYTES] = {0};
    uint64_t result;
    _Static_assert(sizeof result == crypto_shorthash_BYTES, "a check is a SipHash");
    memcpy(key, &check, sizeof check);
    (void)crypto_shorthash((uint8_t *)&result, data, bytes, key);
    return result;
}

/* Of a record's bytes with any check in its head. */
static uint64_t check_of(struct store_bytes key, const uint8_t *record, size_t bytes)
{
    uint64_t check = check_more(0, key.data, key.bytes);
    check = check_more(check, record, offsetof(struct record_head, check));
    return check_more(check, record + sizeof(struct record_head),
                      bytes - sizeof(struct record_head));
}

size_t record_bytes(const struct record *record)
{
    return sizeof(struct record_head) + fields_bytes[record->kind] + record->body.bytes;
}

void record_write(const struct record *record, struct store_bytes key, uint8_t *room)
{
    struct record_head head = {.kind = (uint8_t)record->kind,
                               .version = RECORD_VERSION,
                               .body_bytes = (uint32_t)record->body.bytes};
    size_t fields = fields_bytes[record->kind];
    memcpy(room, &head, sizeof head);
    memcpy(room + sizeof head, &record->meta, fields);
    if (record->body.bytes)
        memcpy(room + sizeof head + fields, record->body.data, record->body.bytes);
    head.check = check_of(key, room, record_bytes(record));
    memcpy(room, &head, sizeof head);
}

mf_err record_read(enum record_kind kind, struct store_bytes key, struct store_bytes stored,
                   struct record *record)
{
    struct record_head head;
    const uint8_t *data = stored.data;
    size_t fields = fields_bytes[kind];
    if (stored.bytes < sizeof head + fields)
        return MF_EFORMAT;
    memcpy(&head, data, sizeof head);
    if (head.kind != kind || head.version != RECORD_VERSION || head.reserved != 0 ||
        head.body_bytes != stored.bytes - sizeof head - fields ||
        head.check != check_of(key, data, stored.bytes))
        return MF_EFORMAT;
    record->kind = kind;
    memcpy(&record->meta, data + sizeof head, fields);
    record->body = (struct store_bytes){data + sizeof head + fields, head.body_bytes};
    bool has_body = kind == RECORD_ENTRY || kind == RECORD_DEAD || kind == RECORD_VALUE ||
                    kind == RECORD_CHUNK;
    if (!has_body && head.body_bytes)
        return MF_EFORMAT;
    if (kind == RECORD_DEAD && record->dead.reason_bytes > head.body_bytes)
        return MF_EFORMAT;
    if (kind == RECORD_META && record->meta.format != RECORD_FORMAT)
        return MF_EFORMAT;
    return MF_OK;
}

mf_err record_body_bytes(enum record_kind kind, struct store_bytes stored, size_t *bytes)
{
    struct record_head head;
    size_t fields = fields_bytes[kind];
    if (stored.bytes < sizeof head + fields)
        return MF_EFORMAT;
    memcpy(&head, stored.data, sizeof head);
    *bytes = head.body_bytes;
    return head.kind == kind && head.body_bytes == stored.bytes - sizeof head - fields ? MF_OK : MF_EFORMAT;
}

void record_key_start(struct record_key *key, char table)
{
    key->data[0] = (uint8_t)table;
    key->bytes = 1;
}

void record_key_number(struct record_key *key, uint64_t number, unsigned bytes)
{
    mf_assert(bytes <= sizeof key->data - key->bytes);
    for (unsigned i = 0; i < bytes; i++)
        key->data[key->bytes++] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

void record_key_bytes(struct record_key *key, struct store_bytes bytes)
{
    mf_assert(bytes.bytes <= sizeof key->data - key->bytes);
    if (bytes.bytes)
        memcpy(key->data + key->bytes, bytes.data, bytes.bytes);
    key->bytes += bytes.bytes;
}

void record_key_text(struct record_key *key, const char *text, bool end)
{
    record_key_bytes(key, (struct store_bytes){text, strlen(text) + end});
}

uint64_t record_key_read(struct store_bytes key, size_t at, unsigned bytes)
{
    const uint8_t *data = key.data;
    uint64_t number = 0;
    mf_assert(at <= key.bytes && bytes <= key.bytes - at);
    for (unsigned i = 0; i < bytes; i++)
        number = number << 8 | data[at + i];
    return number;
}
