/* test_node_connections.c: connections of clients and to peers, through a node whose guests the test
 * plays (node_world.h): who gets an instance, what ends it, what is lost. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/logs/function_log.h"
#include "node/streams/listen.h"
#include "node/streams/streams.h"
#include "node_world.h"

#define FDS_MAX 256
#define SOCKETS_MAX 16
#define GUEST_ID 1u

static uint32_t head[PEERS_MAX], tail[PEERS_MAX]; /* of the rings of streams */
static uint32_t data_at[PEERS_MAX];
static int sockets[SOCKETS_MAX];
static unsigned socket_count;

/* ---- the world ---- */

static struct version *version_of(enum isolation isolation, const char *listens, const char *allowed)
{
    struct settings settings;
    struct mf_why why = {{0}};
    settings_init(&settings);
    if (allowed) {
        json_t *json = json_pack("{s:{s:[s]}}", "allow", "http", allowed);
        assert_int_equal(settings_from_json(json, &settings, &why), MF_OK);
        json_decref(json);
    }
    settings.timeout_ms = TIMEOUT_MS;
    settings.wait_ms = WAIT_MS;
    settings.idle_ms = IDLE_MS;
    settings.max_instances = 4;
    settings.isolation = isolation;
    (void)snprintf(settings.listen, sizeof settings.listen, "%s", listens);
    struct version *version = world_version(&settings, MF_SANDBOX_PROCESS);
    settings_close(&settings);
    return version;
}

static void deploy(enum isolation isolation, const char *listens, const char *allowed)
{
    struct version *old = function->version;
    function->version = version_of(isolation, listens, allowed);
    version_put(old);
    listen_settle(function);
    dispatch_redeployed(function);
    turn();
}

static int open_streams(void **state)
{
    memset(head, 0, sizeof head);
    memset(tail, 0, sizeof tail);
    memset(data_at, 0, sizeof data_at);
    socket_count = 0;
    int failed = world_open(state);
    streaming_open(&node->streaming, node);
    streaming_begin(&node->streaming);
    return failed;
}

static int close_streams(void **state)
{
    for (unsigned i = 0; i < socket_count; i++)
        if (sockets[i] >= 0)
            (void)close(sockets[i]);
    streaming_quiet(&node->streaming);
    pool_close(&node->pool);
    streaming_close(&node->streaming);
    return world_close(state);
}

/* ---- clients and peers ---- */

static int keep(int fd)
{
    assert_true(fd >= 0 && socket_count < SOCKETS_MAX);
    return sockets[socket_count++] = fd;
}

/* The node's socket that listens. */
static int listener(void)
{
    for (int fd = 0; fd < FDS_MAX; fd++) {
        int on = 0;
        socklen_t bytes = sizeof on;
        bool ours = false;
        for (unsigned i = 0; i < socket_count; i++)
            ours |= sockets[i] == fd;
        if (!ours && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &bytes) == 0 && on)
            return fd;
    }
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in at;
    socklen_t bytes = sizeof at;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
    return ntohs(at.sin_port);
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static int client(void)
{
    int fd = connect_to(port_of(listener()));
    turn();
    return fd;
}

static int server(uint16_t *port)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(fd, 8), 0);
    *port = port_of(fd);
    return fd;
}

static void leave(int fd, bool rudely)
{
    const struct linger now = {.l_onoff = rudely};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    (void)close(fd);
    for (unsigned i = 0; i < socket_count; i++)
        if (sockets[i] == fd)
            sockets[i] = -1;
    turn();
}

/* ---- the guests' part ---- */

static bool takes_stream(struct peer *at, struct mf_desc *desc)
{
    uint32_t *mine = &head[at - peer];
    if (__atomic_load_n(&head_of(at)->streams_to_guest.tail, __ATOMIC_ACQUIRE) == *mine)
        return false;
    memcpy(desc, at->channel + MF_STREAMS_TO_GUEST_SLOTS + *mine % MF_RING_SLOTS * sizeof *desc,
           sizeof *desc);
    ++*mine;
    __atomic_store_n(&head_of(at)->streams_to_guest.head, *mine, __ATOMIC_RELEASE);
    return true;
}

static struct mf_desc gets(struct peer *at, enum mf_message type)
{
    struct mf_desc desc;
    assert_true(takes_stream(at, &desc));
    assert_int_equal(desc.type, type);
    return desc;
}

static void gets_none(struct peer *at)
{
    struct mf_desc desc;
    assert_false(takes_stream(at, &desc));
}

/* Its ring of data is used from the start, again and again: what was said before is taken. */
static void writes(struct peer *at, struct mf_desc desc, const void *data)
{
    uint32_t *mine = &tail[at - peer], *place = &data_at[at - peer];
    if (*place + desc.data_bytes > MF_CHANNEL_DATA_BYTES)
        *place = 0;
    desc.data_offset = *place;
    if (desc.data_bytes)
        memcpy(at->channel + MF_STREAMS_TO_NODE_DATA + *place, data, desc.data_bytes);
    *place += desc.data_bytes;
    memcpy(at->channel + MF_STREAMS_TO_NODE_SLOTS + *mine % MF_RING_SLOTS * sizeof desc, &desc,
           sizeof desc);
    ++*mine;
    __atomic_store_n(&head_of(at)->streams_to_node.tail, *mine, __ATOMIC_RELEASE);
}

static void says(struct peer *at, enum mf_message type, uint64_t id, uint64_t arg)
{
    writes(at, (struct mf_desc){.id = id, .type = (uint16_t)type, .arg = arg}, NULL);
    guest_rings(at);
}

static void sends(struct peer *at, uint64_t id, const void *data, uint32_t bytes)
{
    writes(at, (struct mf_desc){.id = id, .type = MF_MSG_SENT, .data_bytes = bytes}, data);
}

static void connects(struct peer *at, uint16_t port)
{
    struct mf_stream_address to = {.port = port};
    static const uint8_t loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    memcpy(to.address, loopback, sizeof loopback);
    writes(at, (struct mf_desc){.id = GUEST_ID, .type = MF_MSG_CONNECT, .data_bytes = sizeof to}, &to);
    guest_rings(at);
    turn();
}

/* A client whose connection the first instance has. */
static uint64_t opened(int *fd)
{
    *fd = client();
    assert_int_equal(peers, 1);
    return gets(&peer[0], MF_MSG_OPEN).id;
}

/* ---- what there is room for ---- */

static void what_a_slow_client_has_taken_is_kept_no_longer(void **state)
{
    (void)state;
    static uint8_t piece[MF_STREAM_WINDOW / 4], got[MF_STREAM_WINDOW];
    static const int small = 4096;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    assert_int_equal(setsockopt(listener(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    uint64_t id = opened(&fd), credit = MF_STREAM_WINDOW, sent = 0, received = 0;
    memset(piece, 'x', sizeof piece);
    while (received < 4u << 20) {
        struct mf_desc desc;
        for (; credit >= sizeof piece; credit -= sizeof piece, sent += sizeof piece) {
            sends(&peer[0], id, piece, sizeof piece);
            guest_rings(&peer[0]);
        }
        assert_true(node->budget.used <= 2 * MF_STREAM_WINDOW);
        ssize_t bytes = recv(fd, got, 8192, MSG_DONTWAIT);
        received += bytes > 0 ? (uint64_t)bytes : 0;
        turn();
        while (takes_stream(&peer[0], &desc))
            credit += desc.type == MF_MSG_GRANT ? desc.arg : 0;
        assert_false(peer[0].killed);
    }
    assert_true(node->budget.used > 0 && sent > received); /* it has never caught up */
    says(&peer[0], MF_MSG_CLOSE, id, ECONNRESET);
    assert_int_equal(node->budget.used, 0);
}

static void without_memory_for_what_waits_its_peer_hears_of_no_end(void **state)
{
    (void)state;
    static uint8_t piece[MF_STREAM_WINDOW / 4];
    static const int small = 4096;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    assert_int_equal(setsockopt(listener(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    uint64_t id = opened(&fd);
    node->budget.limit = sizeof piece / 2;
    struct mf_desc desc = {.type = MF_MSG_GRANT};
    for (uint64_t credit = MF_STREAM_WINDOW; desc.type == MF_MSG_GRANT; ) {
        assert_true(credit >= sizeof piece); /* until its peer takes no more */
        credit -= sizeof piece;
        sends(&peer[0], id, piece, sizeof piece);
        guest_rings(&peer[0]);
        while (takes_stream(&peer[0], &desc) && desc.type == MF_MSG_GRANT)
            credit += desc.arg;
    }
    assert_int_equal(desc.type, MF_MSG_CLOSED);
    assert_int_equal(desc.arg, ENOBUFS);
    ssize_t bytes;
    while ((bytes = recv(fd, piece, sizeof piece, 0)) > 0)
        ;
    assert_int_equal(bytes, -1);
    assert_int_equal(errno, ECONNRESET);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
}

/* Where nobody may linger any more, bytes that are missing are no orderly end. */
static void what_nobody_waits_for_is_reset(void **state)
{
    (void)state;
    static uint8_t piece[MF_STREAM_WINDOW / 4];
    static const int small = 4096;
    struct mf_desc desc;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    assert_int_equal(setsockopt(listener(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    uint64_t id = opened(&fd);
    for (uint64_t credit = MF_STREAM_WINDOW; node->budget.used == 0;) {
        assert_true(credit >= sizeof piece);
        credit -= sizeof piece;
        sends(&peer[0], id, piece, sizeof piece);
        guest_rings(&peer[0]);
        while (takes_stream(&peer[0], &desc))
            credit += desc.arg;
    }
    node->streaming.lingering_count = MF_STREAM_LINGERING_MAX;
    says(&peer[0], MF_MSG_CLOSE, id, 0);
    node->streaming.lingering_count = 0;
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).id, id);
    ssize_t bytes;
    while ((bytes = recv(fd, piece, sizeof piece, 0)) > 0)
        ;
    assert_int_equal(bytes, -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(node->budget.used, 0);
}

/* ---- orders ---- */

static void what_is_written_before_the_reply_arrives_before_the_end(void **state)
{
    (void)state;
    uint16_t port;
    char got[8], allowed[32];
    int fd = server(&port);
    (void)snprintf(allowed, sizeof allowed, "127.0.0.1:%u", port);
    deploy(ISOLATION_FRESH, "", allowed);
    struct test_call *call = submit();
    uint64_t event = guest_gets(&peer[0], MF_MSG_INVOKE);
    connects(&peer[0], port);
    int peer_fd = keep(accept(fd, NULL, NULL));
    turn();
    assert_int_equal(gets(&peer[0], MF_MSG_OPENED).id, GUEST_ID);
    sends(&peer[0], GUEST_ID, "bye", 3);
    writes(&peer[0], (struct mf_desc){.id = GUEST_ID, .type = MF_MSG_CLOSE}, NULL);
    guest_replies(&peer[0], event);
    was_answered(call, SITUATION_REPLIED);
    assert_int_equal(recv(peer_fd, got, sizeof got, 0), 3);
    assert_memory_equal(got, "bye", 3);
    assert_int_equal(recv(peer_fd, got, sizeof got, 0), 0);
    assert_true(peer[0].killed);
}

static void what_is_left_open_behind_the_reply_is_reset(void **state)
{
    (void)state;
    uint16_t port;
    char got[8], allowed[32];
    int fd = server(&port);
    (void)snprintf(allowed, sizeof allowed, "127.0.0.1:%u", port);
    deploy(ISOLATION_FRESH, "", allowed);
    struct test_call *call = submit();
    uint64_t event = guest_gets(&peer[0], MF_MSG_INVOKE);
    connects(&peer[0], port);
    int peer_fd = keep(accept(fd, NULL, NULL));
    turn();
    (void)gets(&peer[0], MF_MSG_OPENED);
    guest_replies(&peer[0], event);
    was_answered(call, SITUATION_REPLIED);
    assert_int_equal(recv(peer_fd, got, sizeof got, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

/* ---- how long a connection holds an instance ---- */

static void a_program_that_ends_nothing_has_its_time_limit(void **state)
{
    (void)state;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    (void)opened(&fd);
    guest_rings(&peer[0]);
    advance(20 * TIMEOUT_MS);
    assert_false(peer[0].killed);
    leave(fd, true);
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).arg, ECONNRESET);
    guest_rings(&peer[0]);
    advance(TIMEOUT_MS - 1);
    assert_false(peer[0].killed);
    advance(1);
    assert_true(peer[0].killed);
    assert_int_equal(function->in_state[INSTANCE_BUSY], 0);
}

static void who_comes_meanwhile_holds_it_again(void **state)
{
    (void)state;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t first = opened(&fd);
    guest_rings(&peer[0]);
    leave(fd, true);
    fd = client();
    advance(20 * TIMEOUT_MS);
    assert_false(peer[0].killed);
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).id, first);
    uint64_t second = gets(&peer[0], MF_MSG_OPEN).id;
    says(&peer[0], MF_MSG_CLOSE, first, 0);
    says(&peer[0], MF_MSG_CLOSE, second, 0);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    assert_int_equal(peers, 1);
}

static void a_version_is_held_for_a_while_behind_the_next(void **state)
{
    (void)state;
    static const enum isolation all[] = {ISOLATION_REUSE, ISOLATION_FRESH};
    for (unsigned i = 0; i < 2; i++) {
        deploy(all[i], "0", NULL);
        (void)client();
        struct peer *at = &peer[peers - 1];
        (void)gets(at, MF_MSG_OPEN);
        guest_rings(at);
        deploy(all[i], "0", NULL);
        advance(MF_STREAM_OLD_MS - 1);
        assert_false(at->killed);
        advance(1);
        assert_true(at->killed);
    }
}

static void a_function_that_is_removed_is_not_held(void **state)
{
    (void)state;
    int fd;
    char got;
    deploy(ISOLATION_REUSE, "0", NULL);
    (void)opened(&fd);
    guest_rings(&peer[0]);
    function->removed = true;
    struct version *old = function->version;
    function->version = NULL;
    listen_close(function);
    version_put(old);
    dispatch_redeployed(function);
    turn();
    assert_false(peer[0].killed);
    advance(TIMEOUT_MS);
    assert_true(peer[0].killed);
    assert_int_equal(recv(fd, &got, 1, 0), -1);
}

static void a_stopped_function_takes_no_connection_and_ends_those_it_has(void **state)
{
    (void)state;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    (void)opened(&fd);
    guest_rings(&peer[0]);
    function->stopped = strdup("it is enough");
    listen_settle(function);
    dispatch_stopped(function);
    (void)client(); /* in the backlog */
    gets_none(&peer[0]);
    advance(TIMEOUT_MS);
    assert_true(peer[0].killed);
    assert_int_equal(peers, 1);
    free(function->stopped);
    function->stopped = NULL;
    listen_settle(function);
    turn();
    turn();
    assert_int_equal(peers, 2);
    (void)gets(&peer[1], MF_MSG_OPEN);
}

static void nobody_listens_before_the_node_does(void **state)
{
    (void)state;
    node->streaming.begun = false;
    deploy(ISOLATION_REUSE, "0", NULL);
    assert_int_equal(listener(), -1);
    streaming_begin(&node->streaming);
    assert_true(listener() >= 0);
}

/* ---- bounds ---- */

/* The node's end of it. */
static int other_end(int fd)
{
    uint16_t port = port_of(fd);
    for (int at = 0; at < FDS_MAX; at++) {
        struct sockaddr_in peer_at = {.sin_family = AF_UNSPEC};
        socklen_t bytes = sizeof peer_at;
        if (getpeername(at, (struct sockaddr *)&peer_at, &bytes) == 0 && peer_at.sin_family == AF_INET &&
            ntohs(peer_at.sin_port) == port)
            return at;
    }
    return -1;
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t bytes = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &bytes), 0);
    return value;
}

static void who_vanishes_is_noticed(void **state)
{
    (void)state;
    uint16_t port;
    char allowed[32];
    int fd, peer_fd = server(&port);
    (void)snprintf(allowed, sizeof allowed, "127.0.0.1:%u", port);
    deploy(ISOLATION_REUSE, "0", allowed);
    (void)opened(&fd);
    connects(&peer[0], port);
    const int end[] = {other_end(fd), other_end(keep(accept(peer_fd, NULL, NULL)))};
    for (unsigned i = 0; i < 2; i++) {
        assert_true(end[i] >= 0);
        assert_int_equal(option_of(end[i], SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option_of(end[i], IPPROTO_TCP, TCP_KEEPIDLE), MF_STREAM_IDLE_S);
        assert_int_equal(option_of(end[i], IPPROTO_TCP, TCP_USER_TIMEOUT), MF_STREAM_SILENT_MS);
    }
}

static void a_function_has_its_share_of_descriptors(void **state)
{
    (void)state;
    uint16_t port;
    char allowed[32];
    (void)server(&port);
    (void)snprintf(allowed, sizeof allowed, "127.0.0.1:%u", port);
    deploy(ISOLATION_REUSE, "0", allowed);
    node->streaming.descriptors_max = MF_STREAM_OTHERS_SHARE; /* a third is left */
    int first = client();
    (void)client();
    (void)client(); /* waits to be accepted */
    uint64_t id = gets(&peer[0], MF_MSG_OPEN).id;
    (void)gets(&peer[0], MF_MSG_OPEN);
    gets_none(&peer[0]);
    assert_int_equal(function->stream_descriptors, 2);
    connects(&peer[0], port);
    struct mf_desc closed = gets(&peer[0], MF_MSG_CLOSED);
    assert_int_equal(closed.id, GUEST_ID);
    assert_int_equal(closed.arg, ENOBUFS);
    leave(first, false);
    (void)gets(&peer[0], MF_MSG_RECEIVED);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).id, id);
    advance(MF_STREAM_RETRY_MS);
    turn();
    (void)gets(&peer[0], MF_MSG_OPEN);
    gets_none(&peer[0]);
}

static void the_node_has_its_share_of_descriptors(void **state)
{
    (void)state;
    deploy(ISOLATION_REUSE, "0", NULL);
    node->streaming.descriptors_max = 4;
    node->streaming.descriptors = 4; /* others have them */
    (void)client();
    assert_int_equal(peers, 0);
    node->streaming.descriptors = 0;
    advance(MF_STREAM_RETRY_MS);
    turn();
    assert_int_equal(peers, 1);
    (void)gets(&peer[0], MF_MSG_OPEN);
}

static void connections_without_end_are_noise(void **state)
{
    (void)state;
    struct mf_desc desc;
    deploy(ISOLATION_REUSE, "", NULL);
    (void)submit();
    (void)guest_gets(&peer[0], MF_MSG_INVOKE);
    for (unsigned i = 0; i <= MF_NOISE_BURST; i++) {
        assert_true(list_empty(&node->pool.held));
        connects(&peer[0], 9);
        while (takes_stream(&peer[0], &desc))
            assert_int_equal(desc.arg, EACCES);
        says(&peer[0], MF_MSG_CLOSE, GUEST_ID, 0);
    }
    assert_false(list_empty(&node->pool.held));
    assert_true(function->log->rate.dropped > 0);
}

/* ---- names ---- */

static pthread_mutex_t resolver = PTHREAD_MUTEX_INITIALIZER; /* held: it hangs */

/* In the place of the machine's: it knows no name. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)list;
    (void)pthread_mutex_lock(&resolver);
    (void)pthread_mutex_unlock(&resolver);
    return EAI_NONAME;
}

static void asks_for_names(struct peer *at, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        writes(at, (struct mf_desc){.id = i + 1, .type = MF_MSG_NAME, .arg = 4, .data_bytes = 6}, "a.test");
    guest_rings(at);
}

/* Let the resolver answer; until nothing is under way. */
static void resolver_answers(void)
{
    (void)pthread_mutex_unlock(&resolver);
    while (function->lookups + function->lookups_waiting > 0)
        if (!inbox_take(&node->loop.inbox))
            (void)usleep(1000);
}

static void a_function_has_its_share_of_look_ups_and_waits_for_more(void **state)
{
    (void)state;
    struct mf_desc desc;
    const unsigned most = MF_FUNCTION_LOOKUPS_MAX + MF_FUNCTION_LOOKUPS_WAIT;
    deploy(ISOLATION_REUSE, "", "a.test:80");
    (void)submit();
    (void)guest_gets(&peer[0], MF_MSG_INVOKE);
    (void)pthread_mutex_lock(&resolver);
    asks_for_names(&peer[0], most + 1);
    assert_int_equal(function->lookups, MF_FUNCTION_LOOKUPS_MAX);
    assert_int_equal(function->lookups_waiting, MF_FUNCTION_LOOKUPS_WAIT);
    desc = gets(&peer[0], MF_MSG_NAMED);
    assert_int_equal(desc.arg, MF_NAME_FAILED);
    gets_none(&peer[0]);
    resolver_answers();
    for (unsigned i = 0; i < most; i++)
        assert_int_equal(gets(&peer[0], MF_MSG_NAMED).arg, MF_NAME_NONE);
    gets_none(&peer[0]);
}

static void look_ups_of_the_dead_count_until_they_end(void **state)
{
    (void)state;
    deploy(ISOLATION_REUSE, "", "a.test:80");
    (void)submit();
    (void)guest_gets(&peer[0], MF_MSG_INVOKE);
    (void)pthread_mutex_lock(&resolver);
    asks_for_names(&peer[0], MF_FUNCTION_LOOKUPS_MAX + 1);
    says(&peer[0], MF_MSG_CLOSE, 7, 0); /* which it may not */
    assert_true(peer[0].killed);
    assert_int_equal(function->lookups, MF_FUNCTION_LOOKUPS_MAX);
    assert_int_equal(function->lookups_waiting, 0);
    resolver_answers();
}

/* ---- starts that fail ---- */

static void blank_fails(struct peer *at)
{
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = MF_BLANK_FAILED,
                                     .id = at->id, .status = MF_EFORMAT};
    assert_int_equal(send(at->control, &packet, sizeof packet, 0), sizeof packet);
    end_process(at, SIGKILL);
    turn();
}

static void a_connection_whose_instance_did_not_begin_loses_nothing(void **state)
{
    (void)state;
    struct mf_desc desc;
    deploy(ISOLATION_REUSE, "0", NULL);
    int fd = connect_to(port_of(listener()));
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    turn();
    turn();
    assert_int_equal(peers, 1);
    blank_fails(&peer[0]);
    assert_int_equal(peers, 2);
    (void)gets(&peer[1], MF_MSG_OPEN);
    guest_rings(&peer[1]);
    desc = gets(&peer[1], MF_MSG_RECEIVED);
    assert_int_equal(desc.data_bytes, 5);
    assert_memory_equal(peer[1].channel + MF_STREAMS_TO_GUEST_DATA + desc.data_offset, "hello", 5);
    says(&peer[1], MF_MSG_CLOSE, desc.id, 0);
    assert_int_equal(recv(fd, &desc, 1, 0), 0);
}

/* Its monitor says so, its guest has taken bytes: nobody is left to be served by another one. */
static void an_instance_is_not_held_for_nobody(void **state)
{
    (void)state;
    int fd;
    char got;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    guest_rings(&peer[0]);
    assert_int_equal(gets(&peer[0], MF_MSG_RECEIVED).id, id);
    blank_fails(&peer[0]);
    assert_int_equal(recv(fd, &got, 1, 0), -1);
    assert_int_equal(function->queued, 0);
    assert_int_equal(function->in_state[INSTANCE_BUSY] + function->in_state[INSTANCE_RESTORING], 0);
}

static void who_speaks_first_through_a_stream_has_started(void **state)
{
    (void)state;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    assert_int_equal(node->pool.starting[MF_SANDBOX_PROCESS], 1);
    sends(&peer[0], id, "x", 1);
    guest_rings(&peer[0]);
    assert_int_equal(function->in_state[INSTANCE_BUSY], 1);
    assert_int_equal(function->in_state[INSTANCE_RESTORING], 0);
    assert_int_equal(node->pool.starting[MF_SANDBOX_PROCESS], 0);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
}

/* ---- ends ---- */

static void a_reset_behind_the_end_is_told(void **state)
{
    (void)state;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    guest_rings(&peer[0]);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    turn();
    assert_int_equal(gets(&peer[0], MF_MSG_RECEIVED).flags, MF_MSG_END);
    gets_none(&peer[0]);
    leave(fd, true);
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).arg, ECONNRESET);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_streams, close_streams)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_a_slow_client_has_taken_is_kept_no_longer),
        CASE(without_memory_for_what_waits_its_peer_hears_of_no_end),
        CASE(what_nobody_waits_for_is_reset),
        CASE(what_is_written_before_the_reply_arrives_before_the_end),
        CASE(what_is_left_open_behind_the_reply_is_reset),
        CASE(a_program_that_ends_nothing_has_its_time_limit),
        CASE(who_comes_meanwhile_holds_it_again),
        CASE(a_version_is_held_for_a_while_behind_the_next),
        CASE(a_function_that_is_removed_is_not_held),
        CASE(a_stopped_function_takes_no_connection_and_ends_those_it_has),
        CASE(nobody_listens_before_the_node_does),
        CASE(who_vanishes_is_noticed),
        CASE(a_function_has_its_share_of_descriptors),
        CASE(the_node_has_its_share_of_descriptors),
        CASE(connections_without_end_are_noise),
        CASE(a_function_has_its_share_of_look_ups_and_waits_for_more),
        CASE(look_ups_of_the_dead_count_until_they_end),
        CASE(a_connection_whose_instance_did_not_begin_loses_nothing),
        CASE(an_instance_is_not_held_for_nobody),
        CASE(who_speaks_first_through_a_stream_has_started),
        CASE(a_reset_behind_the_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
