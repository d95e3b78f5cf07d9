/* test_node_stream_bounds.c: what streams may take of the node: memory, descriptors, time. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include "node/streams/streams.h"
#include "stream_world.h"

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

/* Guest and client: so much, by pieces, as long as there is credit; the client takes all of it, or nothing. */
static uint64_t pours(uint64_t id, int fd, uint64_t bytes, uint64_t credit, bool takes)
{
    static uint8_t piece[MF_STREAM_WINDOW / 4], got[MF_STREAM_WINDOW];
    for (uint64_t sent = 0; sent < bytes && credit >= sizeof piece; sent += sizeof piece) {
        struct mf_desc desc;
        credit -= sizeof piece;
        sends(&peer[0], id, piece, sizeof piece);
        guest_rings(&peer[0]);
        while (takes && recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
            ;
        turn();
        while (takes_stream(&peer[0], &desc))
            credit += desc.type == MF_MSG_GRANT ? desc.arg : 0;
        assert_false(peer[0].killed);
    }
    return credit;
}

static void who_keeps_up_has_a_wider_window_until_it_does_not(void **state)
{
    (void)state;
    static uint8_t got[MF_STREAM_WINDOW];
    struct streaming *streaming = &node->streaming;
    const uint64_t most = MF_STREAM_WINDOW + MF_STREAM_WIDTH;
    int fd, other_fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    uint64_t credit = pours(id, fd, MF_STREAM_WIDE_AFTER - MF_STREAM_WINDOW, MF_STREAM_WINDOW, true);
    assert_true(credit <= MF_STREAM_WINDOW);
    assert_int_equal(streaming->wide_count, 0);
    credit = pours(id, fd, 4 * MF_STREAM_WINDOW, credit, true);
    assert_int_equal(streaming->wide_count, 1);
    assert_in_range(credit, most - MF_STREAM_WINDOW / 2, most);
    /* its peer takes nothing any more: no more than that waits, and what it takes later is not granted */
    credit = pours(id, fd, 64u << 20, credit, false);
    assert_true(credit < MF_STREAM_WINDOW / 4);
    assert_in_range(node->budget.used, MF_STREAM_WINDOW, 2 * most);
    assert_int_equal(streaming->wide_count, 1); /* all the while that it waits */
    for (int rounds = 0; node->budget.used && rounds < 100000; rounds++) {
        struct mf_desc desc;
        (void)recv(fd, got, 8192, MSG_DONTWAIT);
        turn();
        while (takes_stream(&peer[0], &desc))
            credit += desc.type == MF_MSG_GRANT ? desc.arg : 0;
    }
    assert_int_equal(node->budget.used, 0);
    assert_int_equal(streaming->wide_count, 0);
    assert_true(credit <= MF_STREAM_WINDOW);
    /* as many as may, and one more */
    streaming->wide_count = MF_STREAM_WIDE_MAX;
    while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
        ;
    credit = pours(id, fd, 2 * MF_STREAM_WIDE_AFTER, credit, true);
    assert_true(credit <= MF_STREAM_WINDOW);
    streaming->wide_count = 0;
    credit = pours(id, fd, 2 * MF_STREAM_WIDE_AFTER, credit, true);
    assert_int_equal(streaming->wide_count, 1);
    says(&peer[0], MF_MSG_CLOSE, id, 0); /* with its stream */
    assert_int_equal(streaming->wide_count, 0);
    (void)gets(&peer[0], MF_MSG_CLOSED);
    uint64_t other = opened(&other_fd);
    (void)pours(other, other_fd, 2 * MF_STREAM_WIDE_AFTER, MF_STREAM_WINDOW, true);
    assert_int_equal(streaming->wide_count, 1);
    says(&peer[0], MF_MSG_CLOSE, MF_STREAM_ID_MAX, 0); /* with its instance, which may not say that */
    assert_int_equal(streaming->wide_count, 0);
}

/* What waits for its peer when its guest has closed it is as much as before, and so it is counted. */
static void who_was_wide_is_counted_until_its_bytes_are_gone(void **state)
{
    (void)state;
    static uint8_t got[MF_STREAM_WINDOW];
    struct streaming *streaming = &node->streaming;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    uint64_t credit = pours(id, fd, 2 * MF_STREAM_WIDE_AFTER, MF_STREAM_WINDOW, true);
    assert_int_equal(streaming->wide_count, 1);
    (void)pours(id, fd, 64u << 20, credit, false);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
    (void)gets(&peer[0], MF_MSG_CLOSED);
    assert_int_equal(streaming->lingering_count, 1);
    assert_true(node->budget.used > MF_STREAM_WINDOW);
    assert_int_equal(streaming->wide_count, 1);
    for (int rounds = 0; streaming->lingering_count && rounds < 100000; rounds++) {
        (void)recv(fd, got, 8192, MSG_DONTWAIT);
        turn();
    }
    assert_int_equal(streaming->lingering_count, 0);
    assert_int_equal(node->budget.used, 0);
    assert_int_equal(streaming->wide_count, 0);
}

/* Credit that found no room before the end is not said behind it: the id may be another stream's by then. */
static void behind_its_end_nothing_is_granted(void **state)
{
    (void)state;
    static uint8_t piece[MF_STREAM_WINDOW / 2], got[MF_STREAM_WINDOW];
    struct mf_desc desc;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    for (unsigned i = 0; i < MF_RING_SLOTS; i++) { /* the guest takes none */
        assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
        turn();
    }
    sends(&peer[0], id, piece, sizeof piece);
    guest_rings(&peer[0]);
    while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
        ;
    leave(fd, true);
    sends(&peer[0], id, piece, 1); /* by which the node hears of it, while there is no room */
    guest_rings(&peer[0]);
    unsigned ends = 0;
    for (int turns = 0; turns < 3; turns++) {
        while (takes_stream(&peer[0], &desc)) {
            assert_false(ends && desc.type == MF_MSG_GRANT);
            ends += desc.type == MF_MSG_CLOSED;
        }
        guest_rings(&peer[0]);
    }
    assert_int_equal(ends, 1);
    says(&peer[0], MF_MSG_CREDIT, id, 1); /* it did not know yet */
    gets_none(&peer[0]);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
    assert_false(peer[0].killed);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(what_a_slow_client_has_taken_is_kept_no_longer),
        STREAM_TEST(who_keeps_up_has_a_wider_window_until_it_does_not),
        STREAM_TEST(who_was_wide_is_counted_until_its_bytes_are_gone),
        STREAM_TEST(behind_its_end_nothing_is_granted),
        STREAM_TEST(without_memory_for_what_waits_its_peer_hears_of_no_end),
        STREAM_TEST(what_nobody_waits_for_is_reset),
        STREAM_TEST(who_vanishes_is_noticed),
        STREAM_TEST(a_function_has_its_share_of_descriptors),
        STREAM_TEST(the_node_has_its_share_of_descriptors),
        STREAM_TEST(connections_without_end_are_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
