/* node_world.c: see node_world.h. Nothing here waits: the test makes every turn. */
#include "node_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/instance/event.h"
#include "node/pool/spawner_link.h"

#define HASH "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

struct node *node;
struct function *function;
int spawner_end;
struct peer peer[PEERS_MAX];
unsigned peers;
struct test_call test_call[CALLS_MAX];
unsigned calls;

static uint8_t fields[64];
static uint32_t field_bytes;

struct version *world_version(const struct settings *settings, enum mf_sandbox sandbox)
{
    struct version *version;
    struct stat stat;
    struct file_identity identity;
    assert_int_equal(version_create(settings, HASH, sandbox, "", &version), MF_OK);
    version->image.fd = memfd_create("image", MFD_CLOEXEC);
    version->image.users = 1;
    assert_int_equal(fstat(version->image.fd, &stat), 0);
    file_identify(&stat, &identity);
    version_image_checked(version, &identity);
    return version;
}

struct version *reusing_version(uint32_t max_instances)
{
    struct settings settings;
    settings_init(&settings);
    settings.timeout_ms = TIMEOUT_MS;
    settings.wait_ms = WAIT_MS;
    settings.idle_ms = IDLE_MS;
    settings.max_instances = max_instances;
    settings.isolation = ISOLATION_REUSE;
    struct version *version = world_version(&settings, MF_SANDBOX_PROCESS);
    settings_close(&settings);
    return version;
}

int world_open(void **state)
{
    (void)state;
    int ends[2];
    struct field_writer writer;
    node = calloc(1, sizeof *node);
    assert_non_null(node);
    node->loop.now_ns = 1000 * MF_NS_PER_S;
    node->budget.limit = 64u << 20;
    node->api.state.snapshots_fd = -1;
    registry_init(&node->registry);
    operations_open(&node->operations, node);
    logs_init(&node->logs, node, -1);
    assert_int_equal(watcher_open(&node->loop.watcher), MF_OK);
    pool_init(&node->pool, node, "/nonexistent", 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    node->pool.spawner = (struct spawner){.fd = ends[0]};
    assert_int_equal(spawner_link_watch(&node->pool), MF_OK);
    spawner_end = ends[1];
    assert_int_equal(function_create(node, "f", &function), MF_OK);
    function->version = reusing_version(4);
    registry_add(&node->registry, function);
    field_writer_init(&writer, fields, sizeof fields);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "GET", 3);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/", 1);
    field_bytes = writer.bytes;
    memset(peer, 0, sizeof peer);
    memset(test_call, 0, sizeof test_call);
    peers = calls = 0;
    return 0;
}

static void peer_close(struct peer *at)
{
    (void)munmap(at->channel, MF_CHANNEL_FILE_BYTES);
    (void)close(at->control);
    (void)close(at->console);
    (void)close(at->bell);
    if (at->pid > 0) {
        (void)kill(at->pid, SIGKILL);
        (void)waitpid(at->pid, NULL, 0);
    }
}

int world_close(void **state)
{
    (void)state;
    pool_close(&node->pool);
    dispatch_refuse_all(function, &(struct outcome){.situation = SITUATION_STOPPING});
    for (unsigned i = 0; i < calls; i++) {
        assert_int_equal(test_call[i].released, 1);
        assert_int_equal(test_call[i].done + (test_call[i].call.cancelled && !test_call[i].done), 1);
    }
    assert_int_equal(node->budget.used, 0);
    registry_remove(&node->registry, function);
    for (unsigned i = 0; i < peers; i++)
        peer_close(&peer[i]);
    if (spawner_end >= 0)
        (void)close(spawner_end);
    watcher_close(&node->loop.watcher);
    assert_true(timers_next(&node->loop.timers) == TIMER_NEVER);
    free(node);
    return 0;
}

/* Its descriptors become the test's. */
static void new_peer(uint64_t id, const int fd[MF_BLANK_FD_COUNT])
{
    assert_true(peers < PEERS_MAX);
    struct peer *at = &peer[peers++];
    *at = (struct peer){.id = id,
                        .control = fd[MF_BLANK_CONTROL],
                        .console = fd[MF_BLANK_CONSOLE],
                        .bell = fd[MF_BLANK_BELL]};
    at->channel = mmap(NULL, MF_CHANNEL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                       fd[MF_BLANK_CHANNEL], 0);
    assert_true(at->channel != MAP_FAILED);
    (void)close(fd[MF_BLANK_CHANNEL]);
}

void hear_node(void)
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
        memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        new_peer(packet.id, fd);
        peer[peers - 1].window_mib = packet.window_mib;
    }
}

void say(const struct peer *at, enum mf_spawn_type type, pid_t pid, int status)
{
    struct mf_spawn_packet packet = {
        .magic = MF_SPAWN_MAGIC, .type = type, .id = at->id, .status = status, .pid = pid};
    assert_int_equal(send(spawner_end, &packet, sizeof packet, 0), sizeof packet);
    watcher_run(&node->loop.watcher);
}

void end_process(struct peer *at, int status)
{
    at->exited = true;
    say(at, MF_EXITED, -1, status);
}

void turn(void)
{
    watcher_run(&node->loop.watcher);
    while (pool_turn(&node->pool))
        ;
    pool_ring(&node->pool);
    (void)pool_sleep(&node->pool);
    hear_node();
}

void advance(uint64_t ms)
{
    node->loop.now_ns += ms * MS;
    (void)timers_fire(&node->loop.timers, node->loop.now_ns);
    turn();
}

struct mf_channel_head *head_of(const struct peer *at)
{
    return (struct mf_channel_head *)(void *)at->channel;
}

bool guest_takes(struct peer *at, struct mf_desc *desc)
{
    if (__atomic_load_n(&head_of(at)->to_guest.tail, __ATOMIC_ACQUIRE) == at->head)
        return false;
    memcpy(desc, at->channel + MF_CHANNEL_TO_GUEST_SLOTS +
                     at->head % MF_RING_SLOTS * sizeof *desc, sizeof *desc);
    at->head++;
    __atomic_store_n(&head_of(at)->to_guest.head, at->head, __ATOMIC_RELEASE);
    return true;
}

void guest_gets_nothing(struct peer *at)
{
    struct mf_desc desc;
    assert_false(guest_takes(at, &desc));
}

uint64_t guest_gets(struct peer *at, enum mf_message type)
{
    struct mf_desc desc;
    assert_true(guest_takes(at, &desc));
    assert_int_equal(desc.type, type);
    return desc.id;
}

void guest_writes(struct peer *at, struct mf_desc desc)
{
    memcpy(at->channel + MF_CHANNEL_TO_NODE_SLOTS + at->tail % MF_RING_SLOTS * sizeof desc, &desc,
           sizeof desc);
    at->tail++;
    __atomic_store_n(&head_of(at)->to_node.tail, at->tail, __ATOMIC_RELEASE);
}

void guest_rings(const struct peer *at)
{
    const uint64_t one = 1;
    assert_int_equal(write(at->bell, &one, sizeof one), sizeof one);
    turn();
}

void guest_says(struct peer *at, struct mf_desc desc)
{
    guest_writes(at, desc);
    guest_rings(at);
}

void guest_replies(struct peer *at, uint64_t event)
{
    guest_says(at, (struct mf_desc){.id = event, .type = MF_MSG_REPLY, .flags = MF_MSG_END,
                                    .arg = 200});
}

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

static struct test_call *submit_now(const uint8_t *body, size_t bytes)
{
    assert_true(calls < CALLS_MAX);
    struct test_call *at = &test_call[calls++];
    at->call = (struct call){.fields = fields, .field_bytes = field_bytes, .body = body,
                             .body_bytes = bytes, .name = "n", .done = note_done,
                             .release = note_release};
    dispatch_submit(function, &at->call);
    return at;
}

struct test_call *submit_unheard(void)
{
    return submit_now(NULL, 0);
}

struct test_call *submit_body(const uint8_t *body, size_t bytes)
{
    struct test_call *at = submit_now(body, bytes);
    turn();
    return at;
}

struct test_call *submit(void)
{
    return submit_body(NULL, 0);
}

void cancel(struct test_call *at)
{
    dispatch_cancel(&at->call);
    turn();
}

void was_answered(const struct test_call *at, enum situation situation)
{
    assert_int_equal(at->done, 1);
    assert_int_equal(at->released, 1);
    assert_int_equal(at->situation, situation);
}

void is_pending(const struct test_call *at)
{
    assert_int_equal(at->done, 0);
    assert_int_equal(at->released, 0);
}

void takes(uint64_t event_ns)
{
    function->times.any_ns = function->times.woke_ns = function->times.followed_ns = event_ns;
}

struct peer *warm(uint64_t service_ns)
{
    struct test_call *first = submit();
    struct peer *at = &peer[peers - 1];
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(first, SITUATION_REPLIED);
    takes(service_ns);
    return at;
}
