/*
 * test_serve.c: the spawner's loop by itself, where sanitizers can look at it: packets
 * good and bad, descriptors, reaping. In place of blanks: children that exit or sleep.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "spawner/blank.h"
#include "spawner/serve.h"

#define SLEEPS MF_SANDBOX_PROCESS /* what the child of such a blank does */
#define EXITS MF_SANDBOX_KVM      /* with the number that its control descriptor gives */
#define FAIL_BYTE 'f'             /* on its control descriptor: the fork fails */
#define LATE_BYTE 'l'             /* it takes LATE_NS until it would die with the spawner */
#define LATE_NS 100000000
#define PATIENCE_MS 60000
#define DESCRIPTORS 64             /* that the loop's process may hold */

mf_err blank_fork(const struct blank_plan *plan, pid_t *pid, struct mf_why *why)
{
    unsigned char first = 0;
    ssize_t got = recv(plan->fd[MF_BLANK_CONTROL], &first, 1, MSG_DONTWAIT);
    if (got == 1 && first == FAIL_BYTE)
        return mf_why(why, MF_EAGAIN, "no more processes");
    *pid = fork();
    if (*pid == 0) {
        const struct timespec late = {.tv_nsec = LATE_NS};
        if (first == LATE_BYTE)
            (void)nanosleep(&late, NULL);
        (void)prctl(PR_SET_NAME, "follows");
        (void)!write(plan->follows, &plan->id, sizeof plan->id);
        while (plan->sandbox == SLEEPS)
            (void)pause();
        _exit(got == 1 ? first : 99);
    }
    return MF_OK;
}

static int node;         /* the node's end */
static pid_t server_pid; /* serve(), in a child of its own */

static int start(void **state)
{
    (void)state;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    server_pid = fork();
    if (server_pid == 0) {
        const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
        (void)close(ends[0]);
        (void)setrlimit(RLIMIT_NOFILE, &few);
        serve(ends[1], -1, -1);
        _exit(42);
    }
    (void)close(ends[1]);
    node = ends[0];
    return server_pid < 0;
}

/* It ends in good order, whatever it was told. */
static int stop(void **state)
{
    (void)state;
    int status;
    (void)close(node);
    assert_int_equal(waitpid(server_pid, &status, 0), server_pid);
    assert_int_equal(status, 42 << 8);
    return 0;
}

static struct mf_spawn_packet next(void)
{
    struct mf_spawn_packet packet = {0};
    struct pollfd ready = {.fd = node, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(node, &packet, sizeof packet, 0), sizeof packet);
    assert_int_equal(packet.magic, MF_SPAWN_MAGIC);
    return packet;
}

/* The server has closed its end: it took what it was told for nonsense. */
static void assert_ended(void)
{
    char byte;
    struct pollfd ready = {.fd = node, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    ssize_t got = recv(node, &byte, 1, 0);
    assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
}

static void tell(const void *packet, size_t bytes, const int *fd, size_t count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * 16)];
    } rights = {0};
    struct iovec part = {(void *)(uintptr_t)packet, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        message.msg_control = &rights;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS,
                                   .cmsg_len = CMSG_LEN(sizeof(int) * count)};
        memcpy(CMSG_DATA(header), fd, sizeof(int) * count);
    }
    assert_int_equal(sendmsg(node, &message, 0), bytes);
}

/* Ask for a blank whose control socket holds one byte. */
static void ask(uint64_t id, uint32_t sandbox, unsigned char byte)
{
    int pair[2];
    const struct mf_spawn_packet packet = {
        .magic = MF_SPAWN_MAGIC, .type = MF_SPAWN, .id = id, .sandbox = sandbox};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(send(pair[0], &byte, 1, 0), 1);
    const int fd[MF_BLANK_FD_COUNT] = {pair[1], pair[1], pair[1], pair[1]};
    tell(&packet, sizeof packet, fd, MF_BLANK_FD_COUNT);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void a_blank_is_spawned_and_its_end_reported(void **state)
{
    (void)state;
    ask(7, EXITS, 5);
    struct mf_spawn_packet packet = next();
    assert_int_equal(packet.type, MF_SPAWNED);
    assert_int_equal(packet.id, 7);
    pid_t pid = packet.pid;
    packet = next();
    assert_int_equal(packet.type, MF_EXITED);
    assert_int_equal(packet.id, 7);
    assert_int_equal(packet.pid, pid);
    assert_int_equal(packet.status, 5 << 8);
    assert_true(packet.maxrss_kib > 0);
}

static void a_failed_fork_is_reported(void **state)
{
    (void)state;
    ask(8, EXITS, FAIL_BYTE);
    struct mf_spawn_packet packet = next();
    assert_int_equal(packet.type, MF_SPAWN_FAILED);
    assert_int_equal(packet.id, 8);
    assert_int_equal(packet.status, MF_EAGAIN);
    assert_string_equal(packet.why.text, "no more processes");
    ask(9, EXITS, 1); /* and the next is served */
    assert_int_equal(next().type, MF_SPAWNED);
    assert_int_equal(next().status, 1 << 8);
}

static void the_right_one_of_many_is_killed(void **state)
{
    (void)state;
    enum { MANY = 20 };
    for (uint64_t id = 0; id < MANY; id++) {
        ask(id, SLEEPS, 0);
        assert_int_equal(next().type, MF_SPAWNED);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        const struct mf_spawn_packet kill_it = {
            .magic = MF_SPAWN_MAGIC, .type = MF_KILL, .id = (i * 7) % MANY};
        tell(&kill_it, sizeof kill_it, NULL, 0);
        struct mf_spawn_packet packet = next();
        assert_int_equal(packet.type, MF_EXITED);
        assert_int_equal(packet.id, kill_it.id);
        assert_int_equal(packet.status, SIGKILL);
    }
}

static bool is_stopped(pid_t pid, char name[32])
{
    char path[64], state = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    int got = fscanf(file, "%*d (%31[^)]) %c", name, &state);
    (void)fclose(file);
    return got == 2 && state == 'T';
}

/* Who is stopped sooner than it follows would outlive us. */
static void who_does_not_follow_yet_is_stopped_later(void **state)
{
    (void)state;
    struct mf_spawn_packet signal = {.magic = MF_SPAWN_MAGIC, .type = MF_STOP, .id = 5};
    char name[32] = "";
    ask(5, SLEEPS, LATE_BYTE);
    struct mf_spawn_packet packet = next();
    assert_int_equal(packet.type, MF_SPAWNED);
    tell(&signal, sizeof signal, NULL, 0);
    for (int ms = 0; !is_stopped(packet.pid, name); ms++) {
        assert_true(ms < PATIENCE_MS);
        (void)usleep(1000);
    }
    assert_string_equal(name, "follows");
    signal.type = MF_CONTINUE;
    tell(&signal, sizeof signal, NULL, 0);
    signal.type = MF_KILL;
    tell(&signal, sizeof signal, NULL, 0);
    assert_int_equal(next().type, MF_EXITED);
    ask(6, SLEEPS, LATE_BYTE); /* stopped, and going on before it was */
    packet = next();
    signal = (struct mf_spawn_packet){.magic = MF_SPAWN_MAGIC, .type = MF_STOP, .id = 6};
    tell(&signal, sizeof signal, NULL, 0);
    signal.type = MF_CONTINUE;
    tell(&signal, sizeof signal, NULL, 0);
    name[0] = 0;
    for (int ms = 0; strcmp(name, "follows") != 0; ms++) {
        assert_false(is_stopped(packet.pid, name));
        assert_true(ms < PATIENCE_MS);
        (void)usleep(1000);
    }
    assert_false(is_stopped(packet.pid, name));
}

static void sleepers_end_with_the_loop(void **state)
{
    (void)state;
    ask(1, SLEEPS, 0);
    struct mf_spawn_packet packet = next();
    pid_t pid = packet.pid;
    assert_int_equal(stop(NULL), 0);
    assert_int_equal(kill(pid, 0), -1); /* reaped: no such process */
    assert_int_equal(start(NULL), 0);   /* for the teardown */
}

static void descriptors_are_closed(void **state)
{
    (void)state;
    for (int i = 0; i < DESCRIPTORS; i++) { /* four each: more than it may hold */
        ask(1, EXITS, FAIL_BYTE);
        assert_int_equal(next().type, MF_SPAWN_FAILED);
    }
}

static void too_few_descriptors_end_it(void **state)
{
    (void)state;
    const struct mf_spawn_packet packet = {
        .magic = MF_SPAWN_MAGIC, .type = MF_SPAWN, .sandbox = SLEEPS};
    const int fd[] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
    tell(&packet, sizeof packet, fd, 3);
    assert_ended();
}

static void too_many_descriptors_do_no_harm(void **state)
{
    (void)state;
    const struct mf_spawn_packet packet = {
        .magic = MF_SPAWN_MAGIC, .type = MF_SPAWN, .id = 3, .sandbox = EXITS};
    int fd[16];
    for (size_t i = 0; i < 16; i++)
        fd[i] = STDERR_FILENO;
    tell(&packet, sizeof packet, fd, 16);
    assert_ended();
}

static void a_kill_with_descriptors_ends_it(void **state)
{
    (void)state;
    const struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = MF_KILL};
    const int fd[] = {STDERR_FILENO};
    tell(&packet, sizeof packet, fd, 1);
    assert_ended();
}

static void every_truncated_packet_ends_it(void **state)
{
    (void)state;
    const struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = MF_KILL};
    for (size_t bytes = 1; bytes < sizeof packet; bytes += 61) {
        tell(&packet, bytes, NULL, 0);
        assert_ended();
        assert_int_equal(stop(NULL), 0);
        assert_int_equal(start(NULL), 0);
    }
}

static void an_unknown_sandbox_is_refused(void **state)
{
    (void)state;
    static const uint32_t unknown[] = {MF_SANDBOX_AUTO, 3, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        ask(i, unknown[i], 0);
        struct mf_spawn_packet packet = next();
        assert_int_equal(packet.type, MF_SPAWN_FAILED);
        assert_int_equal(packet.status, MF_EINVAL);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_blank_is_spawned_and_its_end_reported),
        CASE(a_failed_fork_is_reported),
        CASE(the_right_one_of_many_is_killed),
        CASE(who_does_not_follow_yet_is_stopped_later),
        CASE(sleepers_end_with_the_loop),
        CASE(descriptors_are_closed),
        CASE(too_few_descriptors_end_it),
        CASE(too_many_descriptors_do_no_harm),
        CASE(a_kill_with_descriptors_ends_it),
        CASE(every_truncated_packet_ends_it),
        CASE(an_unknown_sandbox_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
