/* stream_world.c: see stream_world.h. */
#include "stream_world.h"

#include <netinet/in.h>
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

#include "node/streams/listen.h"
#include "node/streams/streams.h"

#define SOCKETS_MAX 16

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

void deploy(enum isolation isolation, const char *listens, const char *allowed)
{
    struct version *old = function->version;
    function->version = version_of(isolation, listens, allowed);
    version_put(old);
    listen_settle(function);
    outgoing_redeployed(function);
    turn();
}

int open_streams(void **state)
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

int close_streams(void **state)
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

int keep(int fd)
{
    assert_true(fd >= 0 && socket_count < SOCKETS_MAX);
    return sockets[socket_count++] = fd;
}

/* The node's socket that listens. */
int listener(void)
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

uint16_t port_of(int fd)
{
    struct sockaddr_in at;
    socklen_t bytes = sizeof at;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
    return ntohs(at.sin_port);
}

int connect_to(uint16_t port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

int client(void)
{
    int fd = connect_to(port_of(listener()));
    turn();
    return fd;
}

int server(uint16_t *port)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(fd, 8), 0);
    *port = port_of(fd);
    return fd;
}

void leave(int fd, bool rudely)
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

bool takes_stream(struct peer *at, struct mf_desc *desc)
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

struct mf_desc gets(struct peer *at, enum mf_message type)
{
    struct mf_desc desc;
    assert_true(takes_stream(at, &desc));
    assert_int_equal(desc.type, type);
    return desc;
}

void gets_none(struct peer *at)
{
    struct mf_desc desc;
    assert_false(takes_stream(at, &desc));
}

/* Its ring of data is used from the start, again and again: what was said before is taken. */
void writes(struct peer *at, struct mf_desc desc, const void *data)
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

void says(struct peer *at, enum mf_message type, uint64_t id, uint64_t arg)
{
    writes(at, (struct mf_desc){.id = id, .type = (uint16_t)type, .arg = arg}, NULL);
    guest_rings(at);
}

void sends(struct peer *at, uint64_t id, const void *data, uint32_t bytes)
{
    writes(at, (struct mf_desc){.id = id, .type = MF_MSG_SENT, .data_bytes = bytes}, data);
}

void connects(struct peer *at, uint16_t port)
{
    struct mf_stream_address to = {.port = port};
    static const uint8_t loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    memcpy(to.address, loopback, sizeof loopback);
    writes(at, (struct mf_desc){.id = GUEST_ID, .type = MF_MSG_CONNECT, .data_bytes = sizeof to}, &to);
    guest_rings(at);
    turn();
}

/* A client whose connection the first instance has. */
uint64_t opened(int *fd)
{
    *fd = client();
    assert_int_equal(peers, 1);
    return gets(&peer[0], MF_MSG_OPEN).id;
}
