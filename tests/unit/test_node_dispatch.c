/*
 * test_node_dispatch.c: calls through queue, rings and back, with the clock in the
 * test's hand. Pool, dispatcher, exchange and channel are the real ones; the test
 * plays the other side: the spawner on its socket, and every guest on its channel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "base/clock.h"
#include "node/functions/function.h"
#include "node/instance/event.h"
#include "node/logs/function_log.h"
#include "node/pool/dispatch.h"
#include "node/pool/exchange.h"
#include "node/pool/spawner_link.h"
#include "node/shard.h"

#define MS MF_NS_PER_MS
#define PEERS_MAX 64
#define CALLS_MAX 256
#define TIMEOUT_MS 1000
#define WAIT_MS 200
#define IDLE_MS 5000
#define MINUTE_MS 60000

/* The other side of one instance. */
struct peer {
    uint64_t id;
    int control, console;
    uint8_t *channel;
    uint32_t head, tail; /* of to_guest, of to_node */
    bool started, killed, exited;
};

struct test_call {
    struct call call;
    enum situation situation;
    uint32_t status;
    unsigned done, released;
    char cause[32];
    char message[BACKOFF_WORDS_BYTES];
    uint64_t instance;
};

static struct shard *shard;
static struct function *function;
static int spawner_end;
static struct peer peer[PEERS_MAX];
static unsigned peers;
static struct test_call test_call[CALLS_MAX];
static unsigned calls;
static uint8_t fields[64];
static uint32_t field_bytes;

/* ---- the world ---- */

/* As if something else had it open, checked. */
static void keep_image(struct version *version)
{
    struct stat stat;
    struct file_identity identity;
    version->image.fd = memfd_create("image", MFD_CLOEXEC);
    version->image.users = 1;
    assert_int_equal(fstat(version->image.fd, &stat), 0);
    file_identify(&stat, &identity);
    version_image_checked(version, &identity);
}

static struct version *make_version(uint32_t max_instances)
{
    struct settings settings;
    struct version *version;
    settings_init(&settings);
    settings.timeout_ms = TIMEOUT_MS;
    settings.wait_ms = WAIT_MS;
    settings.idle_ms = IDLE_MS;
    settings.max_instances = max_instances;
    settings.isolation = ISOLATION_REUSE;
    assert_int_equal(version_create(&settings, "hash", MF_SANDBOX_PROCESS, "", &version), MF_OK);
    settings_close(&settings);
    keep_image(version);
    return version;
}

static int open_world(void **state)
{
    (void)state;
    int ends[2];
    struct field_writer writer;
    shard = calloc(1, sizeof *shard);
    assert_non_null(shard);
    shard->now_ns = 1000 * MF_NS_PER_S;
    shard->budget.limit = 64u << 20;
    registry_init(&shard->registry);
    logs_init(&shard->logs, shard, -1);
    assert_int_equal(watcher_open(&shard->watcher), MF_OK);
    pool_init(&shard->pool, shard, "/nonexistent", 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    shard->pool.spawner = (struct spawner){.fd = ends[0]};
    assert_int_equal(spawner_link_watch(&shard->pool), MF_OK);
    spawner_end = ends[1];
    assert_int_equal(function_create(shard, "f", &function), MF_OK);
    function->version = make_version(4);
    registry_add(&shard->registry, function);
    field_writer_init(&writer, fields, sizeof fields);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "GET", 3);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/", 1);
    field_bytes = writer.bytes;
    memset(peer, 0, sizeof peer);
    memset(test_call, 0, sizeof test_call);
    peers = calls = 0;
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    pool_close(&shard->pool);
    dispatch_refuse_all(function, &(struct outcome){.situation = SITUATION_STOPPING});
    for (unsigned i = 0; i < calls; i++) {
        assert_int_equal(test_call[i].released, 1);
        assert_int_equal(test_call[i].done + (test_call[i].call.cancelled && !test_call[i].done), 1);
    }
    assert_int_equal(shard->budget.used, 0);
    registry_remove(&shard->registry, function);
    for (unsigned i = 0; i < peers; i++) {
        (void)munmap(peer[i].channel, MF_CHANNEL_BYTES);
        (void)close(peer[i].control);
        (void)close(peer[i].console);
    }
    if (spawner_end >= 0)
        (void)close(spawner_end);
    watcher_close(&shard->watcher);
    assert_true(timers_next(&shard->timers) == TIMER_NEVER);
    free(shard);
    return 0;
}

/* ---- the spawner's part ---- */

static void hear_spawner_end(void)
{
    for (;;) {
        struct mf_spawn_packet packet;
        int fd[MF_BLANK_FD_COUNT];
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(sizeof fd)];
        } rights;
        struct iovec part = {&packet, sizeof packet};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights,
                                 .msg_controllen = sizeof rights};
        if (recvmsg(spawner_end, &message, MSG_DONTWAIT) != (ssize_t)sizeof packet)
            return;
        if (packet.type == MF_KILL) {
            for (unsigned i = 0; i < peers; i++)
                peer[i].killed |= peer[i].id == packet.id;
            continue;
        }
        assert_int_equal(packet.type, MF_SPAWN);
        assert_true(peers < PEERS_MAX);
        memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        peer[peers] = (struct peer){.id = packet.id, .control = fd[MF_BLANK_CONTROL],
                                    .console = fd[MF_BLANK_CONSOLE]};
        peer[peers].channel = mmap(NULL, MF_CHANNEL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                                   fd[MF_BLANK_CHANNEL], 0);
        assert_true(peer[peers].channel != MAP_FAILED);
        (void)close(fd[MF_BLANK_CHANNEL]);
        (void)close(fd[MF_BLANK_BELL]);
        peers++;
    }
}

static void say(uint64_t id, enum mf_spawn_type type, int status)
{
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = type, .id = id, .status = status,
                                     .pid = -1};
    assert_int_equal(send(spawner_end, &packet, sizeof packet, 0), sizeof packet);
    watcher_run(&shard->watcher);
}

static void end_process(struct peer *at, int status)
{
    at->exited = true;
    say(at->id, MF_EXITED, status);
}

/* ---- time and turns ---- */

static void turn(void)
{
    watcher_run(&shard->watcher);
    while (pool_turn(&shard->pool))
        ;
    pool_ring(&shard->pool);
    (void)pool_sleep(&shard->pool);
    hear_spawner_end();
}

static void advance(uint64_t ms)
{
    shard->now_ns += ms * MS;
    (void)timers_fire(&shard->timers, shard->now_ns);
    turn();
}

/* ---- the guests' part ---- */

static struct mf_channel_head *control_of(const struct peer *at)
{
    return (struct mf_channel_head *)(void *)at->channel;
}

/* The next message for the guest, taken; false: none. */
static bool guest_takes(struct peer *at, struct mf_desc *desc)
{
    if (__atomic_load_n(&control_of(at)->to_guest.tail, __ATOMIC_ACQUIRE) == at->head)
        return false;
    memcpy(desc, at->channel + MF_CHANNEL_TO_GUEST_SLOTS +
                     at->head % MF_RING_SLOTS * sizeof *desc, sizeof *desc);
    at->head++;
    __atomic_store_n(&control_of(at)->to_guest.head, at->head, __ATOMIC_RELEASE);
    return true;
}

static void guest_gets_nothing(struct peer *at)
{
    struct mf_desc desc;
    assert_false(guest_takes(at, &desc));
}

/* It must be of this type. */
static uint64_t guest_gets(struct peer *at, enum mf_message type)
{
    struct mf_desc desc;
    assert_true(guest_takes(at, &desc));
    assert_int_equal(desc.type, type);
    return desc.id;
}

/* Into the ring, for the node to find. */
static void guest_writes(struct peer *at, struct mf_desc desc)
{
    memcpy(at->channel + MF_CHANNEL_TO_NODE_SLOTS + at->tail % MF_RING_SLOTS * sizeof desc, &desc,
           sizeof desc);
    at->tail++;
    __atomic_store_n(&control_of(at)->to_node.tail, at->tail, __ATOMIC_RELEASE);
}

static void guest_says(struct peer *at, struct mf_desc desc)
{
    guest_writes(at, desc);
    for (unsigned i = 0; i < POOL_BUCKETS; i++) /* as if it had rung */
        list_each(link, &shard->pool.by_id[i]) {
            struct instance *instance = list_of(link, struct instance, by_id);
            if (instance->blank.id == at->id && instance->state != INSTANCE_DEAD)
                pool_wake(instance);
        }
    turn();
}

static void guest_replies(struct peer *at, uint64_t event)
{
    guest_says(at, (struct mf_desc){.id = event, .type = MF_MSG_REPLY, .flags = MF_MSG_END,
                                    .arg = 200});
}

/* ---- calls ---- */

static void note_done(struct call *call, const struct outcome *outcome)
{
    struct test_call *at = list_of(call, struct test_call, call);
    at->done++;
    at->situation = outcome->situation;
    at->status = outcome->status;
    at->instance = outcome->instance_id;
    (void)snprintf(at->cause, sizeof at->cause, "%s", outcome->cause ? outcome->cause : "");
    (void)snprintf(at->message, sizeof at->message, "%.*s", (int)outcome->message_bytes,
                   outcome->message ? outcome->message : "");
    assert_false(call->cancelled);
    assert_int_equal(at->released, 0);
}

static void note_release(struct call *call)
{
    list_of(call, struct test_call, call)->released++;
}

static struct test_call *submit_body(const uint8_t *body, size_t bytes)
{
    assert_true(calls < CALLS_MAX);
    struct test_call *at = &test_call[calls++];
    at->call = (struct call){.fields = fields, .field_bytes = field_bytes, .body = body,
                             .body_bytes = bytes, .name = "n", .done = note_done,
                             .release = note_release};
    dispatch_submit(function, &at->call);
    turn();
    return at;
}

static struct test_call *submit(void)
{
    return submit_body(NULL, 0);
}

static void cancel(struct test_call *at)
{
    dispatch_cancel(&at->call);
    turn();
}

static void was_answered(const struct test_call *at, enum situation situation)
{
    assert_int_equal(at->done, 1);
    assert_int_equal(at->released, 1);
    assert_int_equal(at->situation, situation);
}

static void is_pending(const struct test_call *at)
{
    assert_int_equal(at->done, 0);
    assert_int_equal(at->released, 0);
}

static void takes(uint64_t event_ns)
{
    function->times.any_ns = function->times.woke_ns = function->times.followed_ns = event_ns;
}

/* One instance that has served one event and is idle; events take so long from then on. */
static struct peer *warm(uint64_t service_ns)
{
    struct test_call *first = submit();
    struct peer *at = &peer[peers - 1];
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(first, SITUATION_REPLIED);
    takes(service_ns);
    return at;
}

/* ---- tests ---- */

static void first_call_starts_an_instance_and_stands_in_its_ring(void **state)
{
    (void)state;
    struct test_call *one = submit();
    assert_int_equal(peers, 1);
    assert_int_equal(function->in_state[INSTANCE_RESTORING], 1);
    is_pending(one);
    say(peer[0].id, MF_SPAWNED, 0);
    guest_replies(&peer[0], guest_gets(&peer[0], MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(one->status, 200);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    assert_int_equal(function->counters.cold_starts[MF_SANDBOX_PROCESS], 1);
}

static void idle_instance_is_used_again(void **state)
{
    (void)state;
    struct peer *at = warm(5 * MS);
    struct test_call *two = submit();
    assert_int_equal(peers, 1);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
}

static void unknown_events_wait_as_long_as_a_start_takes(void **state)
{
    (void)state;
    struct test_call *one = submit(), *two = submit();
    assert_int_equal(peers, 1);
    assert_int_equal(function->queued, 1);
    advance(5);
    assert_int_equal(peers, 2);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
    is_pending(one);
}

static void long_events_start_instances_at_once_up_to_the_most(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    for (int i = 0; i < 6; i++)
        (void)submit();
    assert_int_equal(peers, 4);
    assert_int_equal(function_live(function), 4);
    assert_int_equal(function->queued, 2);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE)); /* free: takes one that waits */
    assert_int_equal(function->queued, 1);
    (void)guest_gets(at, MF_MSG_INVOKE);
}

static void short_events_are_queued_ahead_in_their_order(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *one = submit(), *two = submit(), *three = submit();
    assert_int_equal(peers, 1);
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    is_pending(two);
    id = guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, id);
    was_answered(two, SITUATION_REPLIED);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(three, SITUATION_REPLIED);
}

static void no_more_are_ahead_than_the_ring_takes(void **state)
{
    (void)state;
    struct peer *at = warm(1);
    function->version->settings.max_instances = 1;
    for (unsigned i = 0; i < MF_EVENTS_AHEAD_MAX + 3; i++)
        (void)submit();
    assert_int_equal(function->queued, 3);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    assert_int_equal(function->queued, 2);
}

static void nothing_is_queued_behind_an_event_that_takes_long(void **state)
{
    (void)state;
    (void)warm(10000);
    (void)submit();
    advance(2); /* it should have been over after ten microseconds */
    (void)submit();
    assert_int_equal(function->queued, 1);
    advance(10);
    assert_int_equal(peers, 2);
    assert_int_equal(function->queued, 0);
}

static void wait_bound_is_429(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    struct test_call *running = submit(), *waiting = submit();
    advance(WAIT_MS - 1);
    is_pending(waiting);
    advance(1);
    was_answered(waiting, SITUATION_NO_FREE_INSTANCE);
    is_pending(running);
}

static void without_a_wait_429_is_at_once(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    function->version->settings.wait_ms = 0;
    (void)submit();
    was_answered(submit(), SITUATION_NO_FREE_INSTANCE);
}

static void a_wait_that_ends_in_the_ring_is_429_and_cancelled(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *head = submit(), *behind = submit();
    uint64_t first = guest_gets(at, MF_MSG_INVOKE), second = guest_gets(at, MF_MSG_INVOKE);
    advance(WAIT_MS);
    assert_int_equal(behind->done, 1);
    assert_int_equal(behind->situation, SITUATION_NO_FREE_INSTANCE);
    assert_int_equal(guest_gets(at, MF_MSG_CANCEL), second);
    guest_replies(at, first);
    was_answered(head, SITUATION_REPLIED);
    assert_int_equal(behind->released, 0);
    guest_says(at, (struct mf_desc){.id = second, .type = MF_MSG_ERROR});
    assert_int_equal(behind->released, 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
}

static void deadline_is_504_and_the_instance_is_killed(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    advance(TIMEOUT_MS - 1);
    is_pending(one);
    advance(1);
    was_answered(one, SITUATION_DEADLINE);
    assert_string_equal(one->cause, "deadline");
    hear_spawner_end();
    assert_true(at->killed);
    assert_int_equal(function_live(function), 0);
    (void)submit();
    assert_int_equal(peers, 2);
    end_process(at, 9);
    assert_int_equal(function->in_state[INSTANCE_DEAD], 0);
}

static void a_reply_in_the_ring_beats_the_deadline(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    struct mf_desc desc = {.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 204};
    memcpy(at->channel + MF_CHANNEL_TO_NODE_SLOTS + at->tail % MF_RING_SLOTS * sizeof desc, &desc,
           sizeof desc);
    at->tail++;
    __atomic_store_n(&control_of(at)->to_node.tail, at->tail, __ATOMIC_RELEASE);
    advance(TIMEOUT_MS); /* the doorbell has not been heard yet */
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(one->status, 204);
}

static void the_next_events_time_begins_when_it_does(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    function->version->settings.wait_ms = MF_WAIT_MS_MAX;
    struct test_call *one = submit(), *two = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    advance(TIMEOUT_MS - 10);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    advance(TIMEOUT_MS - 10);
    is_pending(two);
    advance(10);
    was_answered(two, SITUATION_DEADLINE);
}

static void what_had_not_begun_goes_to_another_instance(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *one = submit(), *two = submit(), *three = submit();
    (void)guest_gets(at, MF_MSG_INVOKE);
    end_process(at, (128 + 1) << 8);
    turn();
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(one->cause, "page-fault");
    assert_int_equal(peers, 2);
    is_pending(two);
    turn();
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(three, SITUATION_REPLIED);
}

static void a_reply_before_the_death_counts(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    end_process(at, 9);
    assert_int_equal(function->counters.faults[0].count, 1);
}

/* The process is known to be gone: its last words must not bring it another event. */
static void a_reply_found_after_the_death_brings_it_no_event(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS); /* long: none is queued ahead */
    function->version->settings.max_instances = 1;
    struct test_call *one = submit(), *two = submit();
    guest_writes(at, (struct mf_desc){.id = guest_gets(at, MF_MSG_INVOKE), .type = MF_MSG_REPLY,
                                      .flags = MF_MSG_END, .arg = 200});
    is_pending(two);
    end_process(at, 9);
    was_answered(one, SITUATION_REPLIED);
    is_pending(two);
    turn();
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
}

static void a_start_that_fails_is_said(void **state)
{
    (void)state;
    struct test_call *one = submit();
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = MF_START_FAILED, .id = peer[0].id,
                                     .why = {"no such thing"}};
    assert_int_equal(send(peer[0].control, &packet, sizeof packet, 0), sizeof packet);
    end_process(&peer[0], (MF_CAUSE_STATUS + MF_CAUSE_HOST) << 8); /* as every monitor that says so */
    turn();
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(one->cause, "start-failed");
    assert_string_equal(one->message, "no such thing");
}

static void cancelled_while_it_waits_is_just_let_go(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    (void)submit();
    struct test_call *two = submit();
    cancel(two);
    assert_int_equal(two->released, 1);
    assert_int_equal(two->done, 0);
    assert_int_equal(function->queued, 0);
    advance(WAIT_MS * 2);
}

static void cancelled_while_it_runs_has_a_grace_period(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    function->version->settings.timeout_ms = 100000;
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    cancel(one);
    assert_int_equal(guest_gets(at, MF_MSG_CANCEL), id);
    advance(MF_CANCEL_GRACE_MS - 1);
    assert_int_equal(function->in_state[INSTANCE_BUSY], 1);
    advance(1);
    assert_int_equal(one->released, 1);
    assert_int_equal(one->done, 0);
    hear_spawner_end();
    assert_true(at->killed);
    assert_string_equal(function->counters.faults[0].cause, "cancelled");
}

static void cancelled_and_ended_in_time_leaves_a_warm_instance(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    cancel(one);
    guest_replies(at, id); /* crossed the cancel, or not: it ends the event */
    assert_int_equal(one->released, 1);
    assert_int_equal(one->done, 0);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
}

static void a_second_reply_breaks_the_protocol(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    guest_replies(at, id);
    assert_int_equal(function_live(function), 0);
    assert_string_equal(function->counters.faults[0].cause, "protocol");
}

static void a_reply_to_the_second_event_before_the_first_breaks_it(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *one = submit(), *two = submit();
    (void)guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(one, SITUATION_PROTOCOL);
    is_pending(two); /* for another instance */
    assert_int_equal(peers, 2);
}

static void idle_instance_is_drained(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    advance(IDLE_MS - 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    advance(1);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 1);
    (void)guest_gets(at, MF_MSG_DRAIN);
    end_process(at, 0);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 0);
    assert_null(count_of_fault(&function->counters, 0));
}

static void keep_alive_none_drains_at_once(void **state)
{
    (void)state;
    function->version->settings.keep_alive = KEEP_ALIVE_NONE;
    struct peer *at = warm(50 * MS);
    guest_gets_nothing(at);
    advance(1); /* a timer set for now waits for the next turn */
    (void)guest_gets(at, MF_MSG_DRAIN);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 1);
}

/* A call is answered at once, and the instance ends when it is told to. */
static void serve_one(void)
{
    struct test_call *call = submit();
    struct peer *at = &peer[peers - 1];
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(call, SITUATION_REPLIED);
}

static void drain_last(void)
{
    (void)guest_gets(&peer[peers - 1], MF_MSG_DRAIN);
    end_process(&peer[peers - 1], 0);
    assert_int_equal(function_live(function), 0);
}

/* Called every twenty minutes, six times: five idle times. Until then an instance is kept for
 * the fixed time, from then on it is drained at once, and one is there after eighteen minutes. */
static void learn_twenty_minutes(void)
{
    function->version->settings.keep_alive = KEEP_ALIVE_HYBRID;
    for (int i = 0; i < 6; i++) {
        serve_one();
        advance(i < 5 ? IDLE_MS - 1 : 1);
        if (i < 5) {
            assert_int_equal(function_live(function), 1);
            advance(1);
        }
        drain_last();
        if (i < 5)
            advance(20 * MINUTE_MS - IDLE_MS);
    }
    assert_int_equal(peers, 6);
    assert_int_equal(function->counters.prewarms, 0);
}

static void hybrid_has_an_instance_ready_for_a_periodic_call(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(18 * MINUTE_MS - 2);
    assert_int_equal(peers, 6);
    advance(1);
    assert_int_equal(peers, 7);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    assert_int_equal(function->counters.prewarms, 1);
    advance(2 * MINUTE_MS);
    serve_one();
    assert_int_equal(peers, 7);
    assert_int_equal(function->counters.cold_starts[MF_SANDBOX_PROCESS], 6);
    assert_int_equal(function->counters.cold_start.count, 6);
    advance(1);
    drain_last();
}

/* Its tail is 21 minutes and a tenth: 23.1. Afterwards nothing wakes the node. */
static void a_prewarmed_instance_that_nobody_calls_is_drained(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(18 * MINUTE_MS - 1);
    advance(51 * MINUTE_MS / 10 - 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    advance(1);
    drain_last();
    timer_stop(&shard->timers, &shard->pool.refill);
    assert_true(timers_next(&shard->timers) == TIMER_NEVER);
}

static void a_call_before_its_time_makes_the_prewarm_needless(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(15 * MINUTE_MS);
    serve_one();
    assert_int_equal(peers, 7);
    advance(1);
    drain_last();
    advance(4 * MINUTE_MS); /* when it was due */
    assert_int_equal(peers, 7);
    assert_int_equal(function->counters.prewarms, 0);
}

static void while_a_call_runs_nothing_is_prewarmed(void **state)
{
    (void)state;
    learn_twenty_minutes();
    function->version->settings.timeout_ms = 10 * MINUTE_MS;
    advance(15 * MINUTE_MS);
    struct test_call *call = submit();
    advance(4 * MINUTE_MS); /* it was due, if nobody had called */
    assert_int_equal(peers, 7);
    guest_replies(&peer[6], guest_gets(&peer[6], MF_MSG_INVOKE));
    was_answered(call, SITUATION_REPLIED);
}

/* Two instances, from a time when nothing was known and they were to be kept for hours.
 * Twelve minutes' idle times become a pattern: that used last is drained, the other is not
 * looked at before its time, and serves the next call. */
static void with_an_instance_at_hand_none_is_prewarmed(void **state)
{
    (void)state;
    function->version->settings.keep_alive = KEEP_ALIVE_HYBRID;
    function->version->settings.idle_ms = 240 * MINUTE_MS;
    takes(50 * MS);
    struct test_call *one = submit(), *two = submit();
    assert_int_equal(peers, 2);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    guest_replies(&peer[0], guest_gets(&peer[0], MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    was_answered(two, SITUATION_REPLIED);
    for (int i = 0; i < 5; i++) {
        advance(12 * MINUTE_MS);
        struct test_call *call = submit();
        guest_replies(&peer[0], guest_gets(&peer[0], MF_MSG_INVOKE));
        was_answered(call, SITUATION_REPLIED);
    }
    advance(1);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    end_process(&peer[0], 0);
    advance(11 * MINUTE_MS);
    assert_int_equal(peers, 2);
    assert_int_equal(function->counters.prewarms, 0);
}

static void a_function_that_faults_is_not_prewarmed_in_its_pause(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(18 * MINUTE_MS - 2);
    for (unsigned i = 0; i <= BACKOFF_FREE; i++)
        backoff_fault(&function->backoff, shard->now_ns);
    advance(1);
    assert_int_equal(peers, 6);
    assert_int_equal(function->counters.prewarms, 0);
}

static void with_another_setting_history_ends(void **state)
{
    (void)state;
    learn_twenty_minutes();
    function->version->settings.keep_alive = KEEP_ALIVE_FIXED;
    advance(18 * MINUTE_MS);
    assert_int_equal(peers, 6);
    serve_one();
    assert_null(function->warmth);
    advance(IDLE_MS);
    drain_last();
}

static void one_that_does_not_drain_is_killed(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    advance(IDLE_MS);
    advance(MF_DRAIN_MS_MAX);
    hear_spawner_end();
    assert_true(at->killed);
}

static void new_version_drains_the_old_one_and_fails_nothing(void **state)
{
    (void)state;
    struct peer *busy = warm(50 * MS);
    struct test_call *one = submit();
    struct version *old = function->version;
    function->version = make_version(4);
    version_put(old);
    dispatch_redeployed(function);
    turn();
    uint64_t id = guest_gets(busy, MF_MSG_INVOKE);
    (void)guest_gets(busy, MF_MSG_DRAIN);
    struct test_call *two = submit();
    assert_int_equal(peers, 2);
    guest_replies(busy, id);
    was_answered(one, SITUATION_REPLIED);
    end_process(busy, 0);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
    assert_null(count_of_fault(&function->counters, 0));
}

static void a_large_body_follows_as_there_is_room(void **state)
{
    (void)state;
    static uint8_t body[1u << 20];
    struct peer *at = warm(50 * MS);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7 + i / 251);
    struct test_call *one = submit_body(body, sizeof body);
    struct mf_desc desc;
    size_t got = 0;
    uint64_t id = 0;
    bool end = false;
    while (!end) {
        assert_true(guest_takes(at, &desc));
        assert_int_equal(desc.type, id ? MF_MSG_BODY : MF_MSG_INVOKE);
        id = desc.id;
        uint32_t bytes = desc.data_bytes - desc.head_bytes;
        assert_memory_equal(at->channel + MF_CHANNEL_TO_GUEST_DATA + desc.data_offset + desc.head_bytes,
                            body + got, bytes);
        got += bytes;
        end = desc.flags & MF_MSG_END;
        struct instance *instance = list_of(function->busy.next, struct instance, link);
        pool_wake(instance); /* as the kernel rings when it waits for more */
        turn();
    }
    assert_int_equal(got, sizeof body);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
}

static void a_body_that_nobody_reads_is_ended(void **state)
{
    (void)state;
    static uint8_t body[1u << 20];
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit_body(body, sizeof body);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    struct mf_desc desc = {0};
    for (int i = 0; i < 20 && !(desc.flags & MF_MSG_END); i++) {
        if (!guest_takes(at, &desc)) {
            pool_wake(list_of(function->idle.next, struct instance, link));
            turn();
        }
    }
    assert_int_equal(desc.type, MF_MSG_BODY);
    assert_true(desc.flags & MF_MSG_END);
    assert_int_equal(desc.data_bytes, 0);
    struct test_call *two = submit();
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
}

static void a_removed_function_refuses_what_waits(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    function->version->settings.max_instances = 1;
    struct test_call *one = submit(), *two = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    (void)function_get(function); /* the world's own */
    function->removed = true;
    version_put(function->version);
    function->version = NULL;
    dispatch_refuse_all(function, &(struct outcome){.situation = SITUATION_UNKNOWN_FUNCTION});
    dispatch_redeployed(function);
    turn();
    was_answered(two, SITUATION_UNKNOWN_FUNCTION);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    was_answered(submit(), SITUATION_UNKNOWN_FUNCTION);
    end_process(at, 0);
    function_put(function);
}

static void a_lost_spawner_answers_what_was_inside(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    struct test_call *one = submit(), *two = submit();
    (void)close(spawner_end);
    spawner_end = -1;
    turn();
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(one->cause, "spawner-lost");
    is_pending(two); /* for the next spawner; /nonexistent is none */
    advance(WAIT_MS);
    was_answered(two, SITUATION_NO_FREE_INSTANCE);
}

static void lose_spawner(void)
{
    (void)close(spawner_end);
    spawner_end = -1;
}

static void a_reply_in_the_ring_outlives_the_spawner(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    function->version->settings.max_instances = 2;
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_writes(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 204});
    lose_spawner();
    watcher_run(&shard->watcher); /* its bell has not been heard */
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(one->status, 204);
}

/* The answer of one must not send what waits to another that is dead as well. */
static void last_words_bring_the_dead_no_event(void **state)
{
    (void)state;
    struct peer *first = warm(50 * MS), *second;
    function->version->settings.max_instances = 2;
    struct test_call *one = submit(), *two = submit();
    advance(50); /* longer than patience */
    assert_int_equal(peers, 2);
    shard->pool.blanks_wanted = 1; /* it has died, too */
    pool_use(&shard->pool, MF_SANDBOX_PROCESS);
    hear_spawner_end();
    assert_int_equal(shard->pool.blank_count[MF_SANDBOX_PROCESS], 1);
    second = &peer[1];
    uint64_t id = guest_gets(first, MF_MSG_INVOKE), other = guest_gets(second, MF_MSG_INVOKE);
    struct test_call *three = submit();
    is_pending(three);
    guest_writes(first, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 200});
    guest_writes(second, (struct mf_desc){.id = other, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 200});
    lose_spawner();
    watcher_run(&shard->watcher);
    was_answered(one, SITUATION_REPLIED);
    was_answered(two, SITUATION_REPLIED);
    is_pending(three);
    assert_int_equal(shard->pool.count, 0);
    assert_int_equal(function->version->image.users, 1); /* the test's own */
    advance(WAIT_MS);
    was_answered(three, SITUATION_NO_FREE_INSTANCE);
}

/* The spawner's end is heard after a call has come that needs a blank. */
static void a_spawner_lost_unheard_fails_no_call(void **state)
{
    (void)state;
    lose_spawner();
    struct test_call *one = &test_call[calls++];
    one->call = (struct call){.fields = fields, .field_bytes = field_bytes, .name = "n",
                              .done = note_done, .release = note_release};
    dispatch_submit(function, &one->call);
    is_pending(one);
    watcher_run(&shard->watcher);
    is_pending(one);
    advance(WAIT_MS);
    was_answered(one, SITUATION_NO_FREE_INSTANCE);
}

/* Log records until the node stops to take them; how many it took. */
static unsigned floods(struct peer *at, unsigned most)
{
    const struct mf_desc record = {.type = MF_MSG_LOG, .arg = 2};
    unsigned taken = 0;
    while (taken < most && list_empty(&shard->pool.held)) {
        for (unsigned i = 0; i < 32; i++)
            guest_writes(at, record);
        guest_says(at, record);
        taken += 33;
    }
    return taken;
}

static uint32_t unread(const struct peer *at)
{
    return at->tail - control_of(at)->to_node.head;
}

static void a_flood_of_records_is_not_listened_to_for_a_while(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    assert_in_range(floods(at, 2 * MF_NOISE_BURST), MF_NOISE_BURST, MF_NOISE_BURST + 66);
    guest_replies(at, id);
    is_pending(one);
    assert_true(list_empty(&shard->pool.awake));
    assert_int_equal(control_of(at)->node_sleeping, 0); /* it need not ring */
    assert_true(timers_next(&shard->timers) <= shard->now_ns + MF_HOLD_MS * MS);
    uint32_t left = unread(at);
    assert_true(left > 0);
    advance(MF_HOLD_MS);
    assert_int_equal(unread(at), 0);
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(control_of(at)->node_sleeping, 1);
    assert_true(list_empty(&shard->pool.held));
}

static void a_held_instance_meets_its_deadline_with_its_last_words(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    (void)floods(at, 2 * MF_NOISE_BURST);
    while (unread(at) < MF_RING_SLOTS - 1)
        guest_writes(at, (struct mf_desc){.type = MF_MSG_LOG, .arg = 2});
    guest_writes(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 200});
    function->noise.charged_ns += 10 * MF_NS_PER_S; /* others of its function flood on */
    advance(TIMEOUT_MS);
    was_answered(one, SITUATION_REPLIED);
    struct test_call *two = submit();
    advance(TIMEOUT_MS / 2);
    while (unread(at) < MF_RING_SLOTS)
        guest_writes(at, (struct mf_desc){.type = MF_MSG_LOG, .arg = 2});
    uint64_t before = function->log->rate.dropped;
    advance(TIMEOUT_MS / 2);
    was_answered(two, SITUATION_DEADLINE);
    assert_true(function->log->rate.dropped > before || function->log->pending.bytes > 0);
    assert_true(list_empty(&shard->pool.held));
}

/* The event of a call kills its instance. */
static void faults(void)
{
    struct test_call *call = submit();
    struct peer *at = &peer[peers - 1];
    (void)guest_gets(at, MF_MSG_INVOKE);
    end_process(at, 139);
    was_answered(call, SITUATION_INSTANCE_FAULT);
}

static void after_faults_in_a_row_calls_wait_for_the_next_start(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= BACKOFF_FREE; i++)
        faults();
    unsigned before = peers;
    struct test_call *one = submit();
    advance(BACKOFF_FIRST_MS - 1);
    is_pending(one);
    assert_int_equal(peers, before);
    advance(1);
    assert_int_equal(peers, before + 1);
    guest_replies(&peer[before], guest_gets(&peer[before], MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    end_process(&peer[before], 139); /* the answer has ended the row */
    faults();
    assert_int_equal(peers, before + 2);
}

static void a_call_whose_wait_ends_in_a_pause_hears_why(void **state)
{
    (void)state;
    uint64_t until_ns = 0;
    while (until_ns < shard->now_ns + WAIT_MS * MS) {
        if (until_ns > shard->now_ns)
            advance((until_ns - shard->now_ns) / MS);
        faults();
        until_ns = backoff_until_ns(&function->backoff);
    }
    unsigned before = peers;
    struct test_call *one = submit();
    advance(WAIT_MS);
    was_answered(one, SITUATION_NO_FREE_INSTANCE);
    assert_non_null(strstr(one->message, "end too often"));
    assert_int_equal(peers, before);
}

static void faults_of_an_old_version_are_not_the_new_ones(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    for (unsigned i = 0; i < BACKOFF_FREE; i++)
        function->backoff.in_a_row++;
    struct test_call *one = submit();
    version_put(function->version);
    function->version = make_version(4);
    dispatch_redeployed(function);
    assert_int_equal(function->backoff.in_a_row, 0);
    end_process(at, 139);
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_int_equal(function->backoff.in_a_row, 0);
}

/* Anything in any order: each call is answered or cancelled once, and let go once. */
static void a_storm_answers_every_call_once(void **state)
{
    (void)state;
    srand(11);
    function->version->settings.max_instances = 6;
    for (int step = 0; step < 6000; step++) {
        int what = rand() % 16;
        if (what < 5 && calls < CALLS_MAX)
            (void)submit();
        if (what == 5 && calls) {
            struct test_call *at = &test_call[(unsigned)rand() % calls];
            if (!at->done && !at->released && !at->call.cancelled)
                cancel(at);
        }
        if (what == 6)
            advance((uint64_t)rand() % 40);
        if (what == 7)
            takes(rand() % 2 ? 10000 : 50 * MS);
        if (what == 8 && step % 50 == 8) {
            struct version *old = function->version;
            function->version = make_version(6);
            version_put(old);
            dispatch_redeployed(function);
            turn();
        }
        if (what > 8 && peers) {
            struct peer *at = &peer[(unsigned)rand() % peers];
            struct mf_desc desc;
            if (at->exited || (at->killed && rand() % 2)) {
                if (!at->exited)
                    end_process(at, 9);
            } else if (rand() % 60 == 0) {
                end_process(at, rand() % 2 ? 9 : 0);
            } else if (guest_takes(at, &desc)) {
                if (desc.type == MF_MSG_INVOKE)
                    guest_replies(at, desc.id);
                else if (desc.type == MF_MSG_DRAIN)
                    end_process(at, 0);
            }
        }
        if (calls == CALLS_MAX || peers > PEERS_MAX - 8)
            break;
    }
    assert_true(calls > 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_call_starts_an_instance_and_stands_in_its_ring),
        TEST(idle_instance_is_used_again),
        TEST(unknown_events_wait_as_long_as_a_start_takes),
        TEST(long_events_start_instances_at_once_up_to_the_most),
        TEST(short_events_are_queued_ahead_in_their_order),
        TEST(no_more_are_ahead_than_the_ring_takes),
        TEST(nothing_is_queued_behind_an_event_that_takes_long),
        TEST(wait_bound_is_429),
        TEST(without_a_wait_429_is_at_once),
        TEST(a_wait_that_ends_in_the_ring_is_429_and_cancelled),
        TEST(deadline_is_504_and_the_instance_is_killed),
        TEST(a_reply_in_the_ring_beats_the_deadline),
        TEST(the_next_events_time_begins_when_it_does),
        TEST(what_had_not_begun_goes_to_another_instance),
        TEST(a_reply_before_the_death_counts),
        TEST(a_reply_found_after_the_death_brings_it_no_event),
        TEST(a_start_that_fails_is_said),
        TEST(cancelled_while_it_waits_is_just_let_go),
        TEST(cancelled_while_it_runs_has_a_grace_period),
        TEST(cancelled_and_ended_in_time_leaves_a_warm_instance),
        TEST(a_second_reply_breaks_the_protocol),
        TEST(a_reply_to_the_second_event_before_the_first_breaks_it),
        TEST(idle_instance_is_drained),
        TEST(keep_alive_none_drains_at_once),
        TEST(hybrid_has_an_instance_ready_for_a_periodic_call),
        TEST(a_prewarmed_instance_that_nobody_calls_is_drained),
        TEST(a_call_before_its_time_makes_the_prewarm_needless),
        TEST(while_a_call_runs_nothing_is_prewarmed),
        TEST(with_an_instance_at_hand_none_is_prewarmed),
        TEST(a_function_that_faults_is_not_prewarmed_in_its_pause),
        TEST(with_another_setting_history_ends),
        TEST(one_that_does_not_drain_is_killed),
        TEST(new_version_drains_the_old_one_and_fails_nothing),
        TEST(a_large_body_follows_as_there_is_room),
        TEST(a_body_that_nobody_reads_is_ended),
        TEST(a_removed_function_refuses_what_waits),
        TEST(a_lost_spawner_answers_what_was_inside),
        TEST(a_reply_in_the_ring_outlives_the_spawner),
        TEST(last_words_bring_the_dead_no_event),
        TEST(a_spawner_lost_unheard_fails_no_call),
        TEST(a_flood_of_records_is_not_listened_to_for_a_while),
        TEST(a_held_instance_meets_its_deadline_with_its_last_words),
        TEST(after_faults_in_a_row_calls_wait_for_the_next_start),
        TEST(a_call_whose_wait_ends_in_a_pause_hears_why),
        TEST(faults_of_an_old_version_are_not_the_new_ones),
        TEST(a_storm_answers_every_call_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
