/*
 * usage.c: see usage.h.
 * Guarantees: what a record says never falls; one that cannot be written now is written later.
 * Owns every record until the node ends.
 */
#include "node/metrics/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/node.h"

#define KEY_PREFIX "usage/"

static void fire(struct timer *timer, uint64_t now_ns);
static void scanned(void *context, const struct store_answer *answer);

void usage_open(struct usage *usage, struct node *node)
{
    *usage = (struct usage){.node = node, .timer = {.fire = fire}};
    link_init(&usage->records);
    link_init(&usage->dirty);
    for (unsigned i = 0; i < USAGE_BUCKETS; i++)
        link_init(&usage->by_name[i]);
}

/* FNV-1a. */
static struct link *bucket_of(struct usage *usage, const char *name)
{
    uint32_t hash = 2166136261u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return &usage->by_name[hash % USAGE_BUCKETS];
}

void usage_close(struct usage *usage)
{
    if (!usage->node)
        return;
    timer_stop(&usage->node->loop.timers, &usage->timer);
    while (!list_empty(&usage->records)) {
        struct usage_record *record = list_of(usage->records.next, struct usage_record, link);
        list_remove(&record->link);
        free(record);
    }
    usage->node = NULL;
}

static struct usage_record *find(struct usage *usage, const char *tenant, const char *name)
{
    list_each(at, bucket_of(usage, name)) {
        struct usage_record *record = list_of(at, struct usage_record, same);
        if (strcmp(record->name, name) == 0 && strcmp(record->tenant, tenant) == 0)
            return record;
    }
    return NULL;
}

static struct usage_record *find_or_make(struct usage *usage, const char *tenant, const char *name)
{
    struct usage_record *record = find(usage, tenant, name);
    if (record || usage->count >= MF_USAGE_RECORDS_MAX)
        return record;
    record = calloc(1, sizeof *record);
    if (!record)
        return NULL;
    (void)snprintf(record->tenant, sizeof record->tenant, "%s", tenant);
    (void)snprintf(record->name, sizeof record->name, "%s", name);
    link_init(&record->link);
    link_init(&record->same);
    link_init(&record->dirty);
    list_append(&usage->records, &record->link);
    list_append(bucket_of(usage, name), &record->same);
    usage->count++;
    return record;
}

/* The search is for a function's first event after it was deployed. */
static struct usage_record *record_of(struct function *function)
{
    struct usage *usage = &function->node->usage;
    if (function->usage || !function->version || !usage->node)
        return function->usage;
    struct usage_record *record =
        find_or_make(usage, function->version->settings.tenant, function->name);
    if (record) {
        record->function = function;
        record->cpu_seen_ns = function->cpu.used_ns;
        function->usage = record;
    }
    return record;
}

static void touch(struct usage *usage, struct usage_record *record)
{
    if (list_empty(&record->dirty))
        list_append(&usage->dirty, &record->dirty);
    if (!usage->timer.armed)
        timer_set(&usage->node->loop.timers, &usage->timer,
                  usage->node->loop.now_ns + MF_USAGE_SAVE_MS * MF_NS_PER_MS);
}

void usage_event(struct function *function, uint64_t run_ns, uint32_t memory_mib)
{
    struct usage_record *record = record_of(function);
    if (!record)
        return;
    record->counts.events++;
    record->counts.run_ns += run_ns;
    record->counts.memory_mib_us += run_ns / MF_NS_PER_US * memory_mib;
    touch(&function->node->usage, record);
}

void usage_cold_start(struct function *function)
{
    struct usage_record *record = record_of(function);
    if (!record)
        return;
    record->counts.cold_starts++;
    touch(&function->node->usage, record);
}

const struct usage_counts *usage_look(struct usage_record *record)
{
    struct function *function = record->function;
    if (function) {
        cpu_meter_look(function, false);
        record->counts.cpu_ns += function->cpu.used_ns - record->cpu_seen_ns;
        record->cpu_seen_ns = function->cpu.used_ns;
    }
    return &record->counts;
}

void usage_settle(struct function *function)
{
    struct usage_record *record = function->usage;
    if (!record)
        return;
    (void)usage_look(record);
    touch(&function->node->usage, record);
    record->function = NULL;
    function->usage = NULL;
}

/* ---- as it is kept ---- */

int usage_write(const struct usage_counts *counts, char room[static USAGE_TEXT_BYTES])
{
    return snprintf(room, USAGE_TEXT_BYTES, "1 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
                    counts->events, counts->run_ns, counts->memory_mib_us, counts->cold_starts,
                    counts->cpu_ns);
}

bool usage_read(struct store_bytes text, struct usage_counts *counts)
{
    uint64_t *const number[] = {&counts->events, &counts->run_ns, &counts->memory_mib_us,
                                &counts->cold_starts, &counts->cpu_ns};
    char room[USAGE_TEXT_BYTES], *at = room + 1;
    if (text.bytes >= sizeof room || text.bytes < 2)
        return false;
    memcpy(room, text.data, text.bytes);
    room[text.bytes] = 0;
    if (room[0] != '1' || strlen(room) != text.bytes)
        return false;
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) {
        char *end;
        if (at[0] != ' ' || at[1] < '0' || at[1] > '9')
            return false;
        *number[i] = strtoull(at, &end, 10);
        at = end;
    }
    return *at == 0;
}

static struct store_bytes key_of(const struct usage *usage, const char *tenant, const char *slash,
                                 const char *name, char room[static MF_KEY_BYTES_MAX])
{
    int bytes = snprintf(room, MF_KEY_BYTES_MAX, KEY_PREFIX "%s/%s%s%s",
                         usage->node->options->node_name, tenant, slash, name);
    mf_assert(bytes > 0 && bytes < (int)MF_KEY_BYTES_MAX);
    return (struct store_bytes){room, (size_t)bytes};
}

static void saved(void *context, const struct store_answer *answer)
{
    (void)context;
    if (answer->err)
        mf_log(MF_LOG_WARN, "usage.not-kept", "why=\"%s\"", mf_err_words(answer->err));
}

static mf_err save_one(struct usage *usage, struct usage_record *record)
{
    struct delivery *delivery = &usage->node->delivery;
    char room[MF_KEY_BYTES_MAX], text[USAGE_TEXT_BYTES];
    int bytes = usage_write(usage_look(record), text);
    const struct store_ask ask = {delivery_now_ms(delivery), saved, NULL};
    return space_set(delivery->own, key_of(usage, record->tenant, "/", record->name, room),
                     (struct store_bytes){text, (size_t)bytes}, 0, &ask);
}

void usage_save(struct usage *usage)
{
    if (!usage->node || !usage->node->delivery.own)
        return;
    while (!list_empty(&usage->dirty)) {
        struct usage_record *record = list_of(usage->dirty.next, struct usage_record, dirty);
        if (save_one(usage, record) != MF_OK) {
            touch(usage, record); /* another time */
            return;
        }
        list_remove(&record->dirty);
    }
}

static void fire(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    usage_save(list_of(timer, struct usage, timer));
}

/* ---- when the node starts ---- */

static void ask_after(struct usage *usage, struct store_bytes after)
{
    struct delivery *delivery = &usage->node->delivery;
    char room[MF_KEY_BYTES_MAX];
    const struct store_ask ask = {delivery_now_ms(delivery), scanned, usage};
    if (!delivery->own || space_scan(delivery->own, key_of(usage, "", "", "", room), after,
                                     MF_SCAN_COUNT_MAX, SIZE_MAX, true, &ask) != MF_OK)
        mf_log(MF_LOG_WARN, "usage.unknown", "why=\"the store does not answer\"");
}

void usage_restore(struct usage *usage)
{
    ask_after(usage, (struct store_bytes){0});
}

static void add(struct usage *usage, const struct space_pair *pair)
{
    struct usage_counts kept = {0};
    char room[MF_KEY_BYTES_MAX], key[MF_KEY_BYTES_MAX + 1];
    size_t prefix = key_of(usage, "", "", "", room).bytes;
    memcpy(key, pair->key.data, pair->key.bytes);
    key[pair->key.bytes] = 0;
    char *slash = strchr(key + prefix, '/');
    if (!slash || !usage_read(pair->value, &kept) || strlen(slash + 1) > MF_NAME_BYTES_MAX ||
        (size_t)(slash - key) - prefix > MF_NAME_BYTES_MAX) {
        mf_log(MF_LOG_WARN, "usage.damaged", "bytes=%zu", pair->value.bytes);
        return;
    }
    *slash = 0;
    struct usage_record *record = find_or_make(usage, key + prefix, slash + 1);
    if (!record)
        return;
    record->counts.events += kept.events;
    record->counts.run_ns += kept.run_ns;
    record->counts.memory_mib_us += kept.memory_mib_us;
    record->counts.cold_starts += kept.cold_starts;
    record->counts.cpu_ns += kept.cpu_ns;
}

static void scanned(void *context, const struct store_answer *answer)
{
    struct usage *usage = context;
    if (answer->err)
        mf_log(MF_LOG_WARN, "usage.unknown", "why=\"%s\"", mf_err_words(answer->err));
    for (size_t i = 0; !answer->err && i < answer->count; i++)
        add(usage, &answer->pairs[i]);
    if (!answer->err && answer->more && answer->count && !usage->node->delivery.closing)
        ask_after(usage, answer->pairs[answer->count - 1].key);
}
