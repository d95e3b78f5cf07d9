/*
 * serve.c: one loop over the node's socket and SIGCHLD.
 * A child is not stopped before it is sure to die with us: stopped for ever, it would outlive us, and
 * keep open what it has of ours, by which the node sees our end.
 * Guarantees: every MF_SPAWN gets MF_SPAWNED or MF_SPAWN_FAILED; every MF_SPAWNED one
 * MF_EXITED; a kill goes to a child that is not reaped yet, so never to a stranger.
 * Owns the table of children. Sends may wait for the node to read; the node's never
 * wait for us, so the two cannot block each other.
 */
#include "spawner/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/layout.h"
#include "base/clock.h"
#include "base/limits.h"
#include "spawner/blank.h"
#include "spawner/protocol.h"

static struct child {
    uint64_t id;
    pid_t pid;
    bool follows; /* it dies with us, as it has said                    */
    bool stops;   /* it is to be stopped, as soon as that is so         */
} children[MF_CHILDREN_MAX];
static uint32_t child_count, stop_count; /* those that stops is of */

struct server {
    int node;
    int kvm;
    int self;
    int follows[2]; /* pipe: numbers of children that die with us */
};

static bool say(int node, struct mf_spawn_packet *packet)
{
    packet->magic = MF_SPAWN_MAGIC;
    ssize_t sent;
    do
        sent = send(node, packet, sizeof *packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *packet;
}

static uint64_t cpu_ns(const struct rusage *usage)
{
    uint64_t us = (uint64_t)usage->ru_utime.tv_usec + (uint64_t)usage->ru_stime.tv_usec;
    uint64_t s = (uint64_t)usage->ru_utime.tv_sec + (uint64_t)usage->ru_stime.tv_sec;
    return s * MF_NS_PER_S + us * MF_NS_PER_US;
}

/* Take every child that has ended. */
static bool reap(int node)
{
    struct mf_spawn_packet packet;
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        uint32_t at = 0;
        while (at < child_count && children[at].pid != pid)
            at++;
        mf_assert(at < child_count);
        packet = (struct mf_spawn_packet){.type = MF_EXITED,
                                          .id = children[at].id,
                                          .pid = pid,
                                          .status = status,
                                          .maxrss_kib = (uint32_t)usage.ru_maxrss,
                                          .faults = (uint32_t)usage.ru_minflt,
                                          .cpu_ns = cpu_ns(&usage)};
        stop_count -= children[at].stops;
        children[at] = children[--child_count];
        if (!say(node, &packet))
            return false;
    }
    return true;
}

static bool spawn(const struct server *server, const struct mf_spawn_packet *in, const int *fd)
{
    struct mf_spawn_packet out = {.type = MF_SPAWNED, .id = in->id, .sandbox = in->sandbox};
    const uint64_t window_bytes =
        in->window_mib ? (uint64_t)in->window_mib << 20 : MF_WINDOW_DEFAULT;
    const struct blank_plan plan = {.sandbox = (enum mf_sandbox)in->sandbox,
                                    .fd = fd,
                                    .kvm = server->kvm,
                                    .self = server->self,
                                    .follows = server->follows[1],
                                    .id = in->id,
                                    .window_bytes = window_bytes,
                                    .jit = in->jit};
    mf_err err;
    pid_t pid = 0;
    if (in->sandbox != MF_SANDBOX_PROCESS && in->sandbox != MF_SANDBOX_KVM)
        err = mf_why(&out.why, MF_EINVAL, "sandbox %u: PROCESS or KVM was expected", in->sandbox);
    else if (window_bytes < MF_WINDOW_MIN || window_bytes > MF_WINDOW_MAX || in->jit > 1)
        err = mf_why(&out.why, MF_EINVAL, "a blank for %u MiB and jit %u", in->window_mib, in->jit);
    else if (child_count == MF_CHILDREN_MAX)
        err = mf_why(&out.why, MF_EFULL, "%u blanks and instances already", child_count);
    else
        err = blank_fork(&plan, &pid, &out.why);
    if (!err)
        children[child_count++] = (struct child){.id = in->id, .pid = pid};
    out.pid = pid;
    out.status = err;
    if (err)
        out.type = MF_SPAWN_FAILED;
    return say(server->node, &out);
}

/* The signal that a type of packet asks for; 0: none. */
static int signal_of(uint32_t type)
{
    return type == MF_KILL       ? SIGKILL
           : type == MF_STOP     ? SIGSTOP
           : type == MF_CONTINUE ? SIGCONT
                                 : 0;
}

static struct child *child_of(uint64_t id)
{
    for (uint32_t i = 0; i < child_count; i++)
        if (children[i].id == id)
            return &children[i];
    return NULL;
}

/* What children have said, and stops that waited for it. */
static void hear_followers(const struct server *server)
{
    uint64_t id[64];
    ssize_t got;
    while ((got = read(server->follows[0], id, sizeof id)) > 0)
        for (size_t i = 0; i < (size_t)got / sizeof id[0]; i++) {
            struct child *child = child_of(id[i]);
            if (!child)
                continue;
            child->follows = true;
            if (child->stops)
                (void)kill(child->pid, SIGSTOP);
            stop_count -= child->stops;
            child->stops = false;
        }
}

static void signal_child(const struct server *server, uint64_t id, int number)
{
    if (number == SIGSTOP)
        hear_followers(server);
    struct child *child = child_of(id);
    if (!child)
        return;
    bool stops = number == SIGSTOP && !child->follows;
    stop_count += stops;
    stop_count -= child->stops;
    child->stops = stops;
    if (!stops)
        (void)kill(child->pid, number);
}

/* One packet of the node with its descriptors; how many came. */
static ssize_t receive(int node, struct mf_spawn_packet *packet, int fd[MF_BLANK_FD_COUNT],
                       size_t *fd_count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * MF_BLANK_FD_COUNT)];
    } rights = {0};
    struct iovec part = {packet, sizeof *packet};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &rights,
                             .msg_controllen = sizeof rights};
    ssize_t got = recvmsg(node, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    const struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    *fd_count = 0;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        *fd_count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fd, CMSG_DATA(header), *fd_count * sizeof(int));
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        packet->magic = 0; /* more than the protocol knows: nonsense, but its descriptors count */
    return got;
}

/* Handle one packet. False: the node is gone, or is not the node. */
static bool hear(const struct server *server)
{
    struct mf_spawn_packet packet;
    int fd[MF_BLANK_FD_COUNT];
    size_t fd_count;
    ssize_t got = receive(server->node, &packet, fd, &fd_count);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    bool known = got == (ssize_t)sizeof packet && packet.magic == MF_SPAWN_MAGIC;
    bool go_on = false;
    if (known && packet.type == MF_SPAWN && fd_count == MF_BLANK_FD_COUNT) {
        hear_followers(server); /* so that the pipe is never full */
        go_on = spawn(server, &packet, fd);
    } else if (known && signal_of(packet.type) && fd_count == 0) {
        signal_child(server, packet.id, signal_of(packet.type));
        go_on = true;
    }
    for (size_t i = 0; i < fd_count; i++)
        (void)close(fd[i]);
    return go_on;
}

static void end_all(void)
{
    for (uint32_t i = 0; i < child_count; i++)
        (void)kill(children[i].pid, SIGKILL);
    while (wait(NULL) > 0 || errno == EINTR)
        ;
}

void serve(int node, int kvm, int self)
{
    struct server server = {.node = node, .kvm = kvm, .self = self};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    int signals = -1;
    if (sigprocmask(SIG_BLOCK, &child, NULL) == 0)
        signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    bool go_on = signals >= 0 && pipe2(server.follows, O_CLOEXEC | O_NONBLOCK) == 0;
    while (go_on) {
        struct pollfd ready[] = {{.fd = node, .events = POLLIN},
                                 {.fd = signals, .events = POLLIN},
                                 {.fd = stop_count ? server.follows[0] : -1, .events = POLLIN}};
        if (poll(ready, sizeof ready / sizeof ready[0], -1) < 0 && errno != EINTR)
            break;
        if (ready[2].revents)
            hear_followers(&server);
        if (ready[1].revents) {
            struct signalfd_siginfo ignored;
            (void)!read(signals, &ignored, sizeof ignored); /* wait4 says more */
            go_on = reap(node);
        }
        if (go_on && ready[0].revents)
            go_on = hear(&server);
    }
    end_all();
}
