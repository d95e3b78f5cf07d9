/*
 * test_store_alike.c: thousands of random operations, the same ones asked of all back ends:
 * every answer must be the same, to the byte. Two of them share the ledger, Redis has it
 * all written anew in Lua.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_folder.h"
#include "store_rig.h"

#define STORES 3
#define STEPS 4000
#define QUEUES 4
#define HELD_MAX 64

static struct rig rig[STORES];
static struct queue *queue[STORES][QUEUES];
static struct space *space[STORES];
static struct rig_redis redis;
static struct store_options options[STORES] = {{.url = "memory:"}, {.directory = own_folder}, {.node = "here"}};

/* Leases that were given out, right or not any more. */
static struct {
    unsigned queue;
    uint64_t id;
    uint32_t attempts;
} held[HELD_MAX];
static unsigned held_count;

static unsigned roll(unsigned sides)
{
    return (unsigned)rand() % sides;
}

/* What was dropped, as a count, and a number that stands for all of it. */
static struct heard {
    struct queue_watch watch;
    uint64_t count, sum;
} heard[STORES][QUEUES];

static void hear_nothing(struct queue_watch *watch)
{
    (void)watch;
}

static void hear(struct queue_watch *watch, const struct queue_entry *entries, size_t count)
{
    struct heard *of = list_of(watch, struct heard, watch);
    for (size_t i = 0; i < count; i++) {
        const struct queue_entry *entry = &entries[i];
        const uint64_t word[] = {entry->id, entry->priority, entry->enqueued_ms, entry->attempts, entry->event.bytes,
                                 entry->event.bytes ? *(const uint8_t *)entry->event.data : 0};
        for (size_t w = 0; w < sizeof word / sizeof word[0]; w++)
            of->sum = (of->sum ^ word[w]) * 0x100000001b3u;
    }
    of->count += count;
}

static void listen_to(int s, int q, struct queue *to)
{
    heard[s][q] = (struct heard){.watch = {.ready = hear_nothing, .ended = hear}};
    queue[s][q] = to;
    queue_watch(to, &heard[s][q].watch);
}

static void open_one(int s)
{
#define TENANT .tenant_queues_max = QUEUES, .tenant_bytes_max = 1500
    static const struct queue_settings settings[QUEUES] = {
        {TENANT, .count_max = 40, .bytes_max = 600, .dead_max = 12, .age_ms_max = 3000},
        {TENANT, .count_max = 1000, .dead_max = 30},
        {TENANT, .count_max = 12, .bytes_max = 200, .dead_max = 12, .overflow = QUEUE_DROPS},
        {TENANT, .count_max = 12, .bytes_max = 200, .dead_max = 12, .overflow = QUEUE_BURIES}};
    static const char *const names[QUEUES] = {"a", "b", "c", "d"};
    struct mf_why why = {{0}};
    uint64_t now_ms = rig[s].now_ms;
    if (rig_open(&rig[s], &options[s], &why))
        fail_msg("%s", why.text);
    if (now_ms)
        rig[s].now_ms = now_ms;
    for (int q = 0; q < QUEUES; q++)
        listen_to(s, q, rig_queue(&rig[s], names[q], &settings[q]));
    const struct space_settings of_space = {.bytes_max = 2000};
    assert_int_equal(space_get(rig[s].store, RIG_TENANT, &of_space, &space[s]), MF_OK);
}

static void compare_heard(int s, int step)
{
    for (int q = 0; q < QUEUES; q++)
        if (heard[0][q].count != heard[s][q].count || heard[0][q].sum != heard[s][q].sum)
            fail_msg("step %d, store %d, queue %d: dropped %llu %llu", step, s, q,
                     (unsigned long long)heard[0][q].count, (unsigned long long)heard[s][q].count);
}

static void close_one(int s)
{
    for (int q = 0; q < QUEUES; q++) {
        queue_unwatch(queue[s][q], &heard[s][q].watch);
        queue_put(queue[s][q]);
    }
    space_put(space[s]);
    rig_close(&rig[s]);
}

static bool same(struct store_bytes a, struct store_bytes b)
{
    return a.bytes == b.bytes && (!a.bytes || (!a.data == !b.data &&
                                               (!a.data || memcmp(a.data, b.data, a.bytes) == 0)));
}

static void compare_entries(const struct store_answer *a, const struct store_answer *b, int step)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct queue_entry *x = &a->entries[i], *y = &b->entries[i];
        if (x->id != y->id || x->priority != y->priority || x->enqueued_ms != y->enqueued_ms ||
            x->due_ms != y->due_ms || x->attempts != y->attempts || x->died_ms != y->died_ms ||
            !same(x->event, y->event) || !same(x->reason, y->reason))
            fail_msg("step %d: entry %zu: id %llu %llu due %llu %llu attempts %u %u", step, i,
                     (unsigned long long)x->id, (unsigned long long)y->id, (unsigned long long)x->due_ms,
                     (unsigned long long)y->due_ms, x->attempts, y->attempts);
    }
}

static void compare(int s, int step, const char *what)
{
    compare_heard(s, step);
    const struct store_answer *a = &rig[0].got, *b = &rig[s].got;
    if (a->err != b->err || a->bounded != b->bounded || a->count != b->count || a->more != b->more || a->due_ms != b->due_ms ||
        a->number != b->number || a->expires_ms != b->expires_ms || !same(a->value, b->value) ||
        memcmp(&a->stat, &b->stat, sizeof a->stat) != 0)
        fail_msg("step %d, %s, store %d: err %d %d count %zu %zu more %d %d due %lld %lld number %lld %lld", step,
                 what, s, a->err, b->err, a->count, b->count, a->more, b->more, (long long)a->due_ms,
                 (long long)b->due_ms, (long long)a->number, (long long)b->number);
    if (a->entries)
        compare_entries(a, b, step);
    for (size_t i = 0; a->pairs && i < a->count; i++)
        if (!same(a->pairs[i].key, b->pairs[i].key) || !same(a->pairs[i].value, b->pairs[i].value) ||
            a->pairs[i].expires_ms != b->pairs[i].expires_ms)
            fail_msg("step %d: pair %zu", step, i);
}

/* The same call to each, which has `s` for the store. */
#define EACH(what, call)                                        \
    do {                                                        \
        for (int s = 0; s < STORES; s++) {                      \
            (void)rig_wait(&rig[s], (call));                    \
            if (s > 0)                                          \
                compare(s, step, (what));                       \
        }                                                       \
    } while (0)
#define ASK rig_ask(&rig[s])

/* Beside some changes, one or two appends to queues: of each back end its own. */
static struct {
    unsigned count, queue[2], priority, bytes;
} beside;

static void roll_beside(void)
{
    beside.count = roll(3) ? 0 : 1 + roll(2);
    beside.queue[0] = roll(QUEUES);
    beside.queue[1] = (beside.queue[0] + 1) % QUEUES;
    beside.priority = roll(QUEUE_PRIORITIES);
    beside.bytes = roll(60);
}

static const struct store_beside *beside_of(int s)
{
    static const char text[] = "beside beside beside beside beside beside beside beside beside";
    static struct store_also list[2];
    static struct store_beside is;
    for (unsigned i = 0; i < beside.count; i++)
        list[i] = (struct store_also){queue[s][beside.queue[i]], (enum queue_priority)beside.priority,
                                      {text, beside.bytes}};
    is = (struct store_beside){list, beside.count};
    return &is;
}
#define BESIDE beside_of(s)

static void change_queue(int step)
{
    static char text[200];
    unsigned q = roll(QUEUES), h = held_count ? roll(held_count) : 0;
    struct store_bytes events[4];
    unsigned count = 1 + roll(4), noted = roll(2);
    struct store_note note = {.key = {(uint8_t)roll(8)}, .text = {text, roll(40)}};
    memset(text, 'a' + (int)roll(26), sizeof text);
    for (unsigned i = 0; i < count; i++)
        events[i] = (struct store_bytes){text, roll(40)};
    switch (roll(12)) {
    case 0:
    case 1: {
        enum queue_priority priority = roll(4) ? QUEUE_BULK : QUEUE_URGENT;
        roll_beside();
        beside.count = beside.count && beside.queue[0] != q; /* to yet another one */
        EACH("append", queue_append_beside(queue[s][q], priority, events, count, BESIDE, ASK));
        return;
    }
    case 2:
    case 3:
    case 4: {
        unsigned bytes = roll(3) ? 100000 : roll(60), lease = 1 + roll(500);
        EACH("take", queue_take(queue[s][q], count, bytes, lease, ASK));
        for (size_t i = 0; i < rig[0].got.count; i++) {
            unsigned at = held_count < HELD_MAX ? held_count++ : roll(HELD_MAX);
            held[at].queue = q;
            held[at].id = rig[0].got.entries[i].id;
            held[at].attempts = rig[0].got.entries[i].attempts;
        }
        return;
    }
    case 5:
    case 6:
        if (roll(2)) {
            EACH("ack", queue_ack_noted(queue[s][held[h].queue], held[h].id, held[h].attempts, &note, ASK));
            return;
        }
        roll_beside();
        EACH("ack", queue_ack_beside(queue[s][held[h].queue], held[h].id, held[h].attempts, BESIDE, ASK));
        return;
    case 7: {
        unsigned delay = roll(3) ? roll(800) : 0;
        EACH("nack", queue_nack(queue[s][held[h].queue], held[h].id, held[h].attempts, delay, ASK));
        return;
    }
    case 8: {
        unsigned lease = 1 + roll(500);
        EACH("extend", queue_extend(queue[s][held[h].queue], held[h].id, held[h].attempts, lease, ASK));
        return;
    }
    case 9:
        EACH("bury", queue_bury_noted(queue[s][held[h].queue], held[h].id, held[h].attempts, events[0],
                                      noted ? &note : NULL, ASK));
        return;
    case 10:
        if (roll(3))
            EACH("redrive", queue_redrive(queue[s][q], count, ASK));
        else {
            bool dead = roll(2);
            EACH("purge", queue_purge(queue[s][q], dead, count, ASK));
        }
        return;
    default: {
        bool dead = roll(2);
        unsigned body_max = roll(50);
        const struct store_bytes from = rig_text(roll(2) ? "b" : "");
        uint64_t after = held_count && roll(2) ? held[h].id : 0;
        EACH("stat", queue_stat(queue[s][q], ASK));
        EACH("siblings", queue_siblings(queue[s][q], from, ASK));
        EACH("peek", queue_peek(queue[s][q], dead, after, count, body_max, ASK));
    }
    }
}

static void change_space(int step)
{
    static char text[300];
    char name[4] = {(char)('a' + roll(3)), (char)('a' + roll(3)), 0, (char)roll(2)};
    struct store_bytes key = {name, 1 + roll(4)}, other = {name + 1, roll(3)};
    memset(text, 'x', sizeof text);
    (void)snprintf(text, 16, "%d", (int)roll(100) - 50);
    struct store_bytes value = {text, roll(2) ? strlen(text) : roll(sizeof text)};
    unsigned life = roll(3) ? 0 : 1 + roll(300);
    roll_beside();
    switch (roll(8)) {
    case 7: {
        uint8_t noted[STORE_NOTE_KEY_BYTES] = {(uint8_t)roll(8)};
        EACH("note", space_note(space[s], STORE_POWER_LOSS, noted, 0, ASK));
        return;
    }
    case 0: {
        size_t bytes_max = roll(2) ? SIZE_MAX : roll(40);
        EACH("read", space_read(space[s], key, bytes_max, ASK));
        return;
    }
    case 1:
        EACH("set", space_set_beside(space[s], key, value, life, BESIDE, ASK));
        return;
    case 2:
        EACH("delete", space_delete_beside(space[s], key, BESIDE, ASK));
        return;
    case 3: {
        int64_t by = (int64_t)roll(200) - 100;
        EACH("increment", space_increment_beside(space[s], key, by, BESIDE, ASK));
        return;
    }
    case 4:
    case 5: {
        EACH("read", space_read(space[s], key, SIZE_MAX, ASK));
        unsigned how = roll(3);
        char kept[300];
        size_t bytes = rig[0].got.err ? 0 : rig[0].got.value.bytes;
        memcpy(kept, bytes ? rig[0].got.value.data : "", bytes);
        struct store_bytes expected = {kept, bytes};
        EACH("compare", space_compare_and_set_beside(space[s], key, how == 0 ? NULL : how == 1 ? &value : &expected,
                                              value, life, BESIDE, ASK));
        return;
    }
    default: {
        unsigned count = 1 + roll(12);
        bool values = roll(2);
        struct store_bytes after = {name, roll(2) ? key.bytes : 0};
        size_t bytes_max = roll(2) ? SIZE_MAX : roll(400);
        EACH("scan", space_scan(space[s], other, after, count, bytes_max, values, ASK));
    }
    }
}

static void all_back_ends_answer_alike(void **state)
{
    (void)state;
    for (int s = 0; s < STORES; s++)
        open_one(s);
    for (int step = 0; step < STEPS; step++) {
        if (roll(3))
            change_queue(step);
        else
            change_space(step);
        unsigned later = roll(4) ? 0 : roll(200);
        for (int s = 0; s < STORES; s++)
            rig[s].now_ms += later;
    }
    assert_true(heard[0][2].count > 0); /* of the queue that drops */
    for (int s = 0; s < STORES; s++)
        close_one(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_back_ends_answer_alike)};
    unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : (unsigned)getpid();
    srand(seed);
    if (own_folder_make(NULL) != 0 || !rig_redis_start(&redis, own_folder)) {
        fprintf(stderr, "no redis-server (Debian: redis-tools)\n");
        return 1;
    }
    options[2].url = redis.url;
    print_message("seed %u\n", seed);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_redis_stop(&redis, SIGTERM);
    return own_folder_remove(NULL) || failed;
}
