/*
 * spawner.c: the node's end of the spawner and of each blank.
 * Guarantees: every descriptor made here is close-on-exec and closed by spawner_close()
 * or blank_close(); nothing but spawner_open() and spawner_close() waits.
 * Leaves to others: when to start and kill (pool/), what the channel carries.
 */
#include "node/instance/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/cause.h"
#include "abi/channel.h"

#define READY_MS_MAX 30000 /* lock-down and both probes; each of these has its own bound */
#define PACKET_FDS 4       /* of the larger of MF_SPAWN and MF_START */
#define END_MS_MAX 5000    /* from the closed socket to the last reaped child */

_Static_assert(MF_BLANK_FD_COUNT <= PACKET_FDS && MF_START_FD_MAX <= PACKET_FDS, "send_packet");

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* A packet and descriptors, without waiting. */
static mf_err send_packet(int socket, struct iovec part[2], const int *fd, size_t fd_count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * PACKET_FDS)];
    } rights = {0};
    struct msghdr message = {.msg_iov = part, .msg_iovlen = 2};
    mf_assert(fd_count <= PACKET_FDS);
    if (fd_count) {
        message.msg_control = &rights;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(header), fd, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? mf_err_from_errno(errno) : MF_OK;
}

/* One packet of the spawner's kind; its text ends. */
static mf_err read_packet(int socket, struct mf_spawn_packet *packet)
{
    ssize_t got;
    int resets = 0; /* told once, if the peer ended with something unread; what it said before is there */
    do
        got = recv(socket, packet, sizeof *packet, MSG_DONTWAIT);
    while (got < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    if (got < 0)
        return mf_err_from_errno(errno);
    if (got == 0)
        return MF_EDEAD;
    if (got != (ssize_t)sizeof *packet || packet->magic != MF_SPAWN_MAGIC)
        return MF_EPROTO;
    packet->why.text[MF_WHY_BYTES - 1] = 0;
    return MF_OK;
}

/* Standard input and output nobody's, standard error ours, the socket where the spawner looks
 * for it, no other descriptor (libraries open some without O_CLOEXEC); a session of its own, so
 * Ctrl-C reaches only the node. */
static int run(const char *path, int socket, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    char *const argv[] = {"mayfly-spawner", NULL}, *const envp[] = {NULL};
    int error = posix_spawn_file_actions_init(&files);
    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        const short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID;
        error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
                posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) ||
                posix_spawn_file_actions_adddup2(&files, socket, MF_SPAWNER_FD) ||
                posix_spawn_file_actions_addclosefrom_np(&files, MF_SPAWNER_FD + 1) ||
                posix_spawnattr_setsigmask(&attributes, &none) ||
                posix_spawnattr_setsigdefault(&attributes, &all) ||
                posix_spawnattr_setflags(&attributes, flags);
        error = error ? ENOMEM : posix_spawn(pid, path, &files, &attributes, argv, envp);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return error;
}

static mf_err take_support(struct spawner *spawner, const struct mf_spawn_packet *packet,
                           uint32_t *heard, struct mf_why *why)
{
    if (packet->type == MF_REFUSED)
        return mf_why(why, packet->status < 0 ? (mf_err)packet->status : MF_EPROTO, "%s",
                      packet->why.text);
    if (packet->type != MF_SUPPORT ||
        (packet->sandbox != MF_SANDBOX_PROCESS && packet->sandbox != MF_SANDBOX_KVM))
        return mf_why(why, MF_EPROTO, "spawner: unexpected packet of type %u", packet->type);
    spawner->support.usable[packet->sandbox] = packet->status == 0;
    spawner->support.why[packet->sandbox] = packet->why;
    spawner->support.features[packet->sandbox] = packet->features;
    *heard |= 1u << packet->sandbox;
    return MF_OK;
}

static mf_err await_ready(struct spawner *spawner, struct mf_why *why)
{
    const uint32_t all = 1u << MF_SANDBOX_PROCESS | 1u << MF_SANDBOX_KVM;
    uint32_t heard = 0;
    while (heard != all) {
        struct pollfd ready = {.fd = spawner->fd, .events = POLLIN};
        int polled = poll(&ready, 1, READY_MS_MAX);
        if (polled < 0 && errno == EINTR)
            continue;
        if (polled <= 0)
            return mf_why(why, MF_ETIMEDOUT, "spawner: silent for %d ms after its start",
                          READY_MS_MAX);
        struct mf_spawn_packet packet;
        mf_err err = read_packet(spawner->fd, &packet);
        if (err == MF_EDEAD)
            return mf_why(why, err, "spawner: ended at its start; what it wrote to standard error "
                                    "says why");
        if (!err)
            err = take_support(spawner, &packet, &heard, why);
        if (err && err != MF_EAGAIN)
            return err;
    }
    spawner->support.usable[MF_SANDBOX_AUTO] = spawner->support.usable[MF_SANDBOX_PROCESS] ||
                                               spawner->support.usable[MF_SANDBOX_KVM];
    return MF_OK;
}

mf_err spawner_open(const char *path, struct spawner *spawner, struct mf_why *why)
{
    int ends[2];
    *spawner = (struct spawner){.fd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return mf_why(why, mf_err_from_errno(errno), "spawner: socket: %s", strerror(errno));
    spawner->fd = ends[0];
    int error = run(path, ends[1], &spawner->pid);
    (void)close(ends[1]);
    mf_err err = MF_OK;
    if (error) {
        spawner->pid = 0;
        err = mf_why(why, mf_err_from_errno(error), "cannot run %s: %s", path, strerror(error));
    }
    if (!err)
        err = await_ready(spawner, why);
    if (err)
        spawner_close(spawner);
    return err;
}

/* It ends when its socket closes, children first; not in time: all are killed, the
 * children by their parent's death. */
void spawner_close(struct spawner *spawner)
{
    close_fd(&spawner->fd);
    if (spawner->pid <= 0)
        return;
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, spawner->pid, 0), .events = POLLIN};
    if (end.fd < 0 || poll(&end, 1, END_MS_MAX) <= 0)
        (void)kill(spawner->pid, SIGKILL);
    close_fd(&end.fd);
    while (waitpid(spawner->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    spawner->pid = 0;
}

mf_err spawner_read(struct spawner *spawner, struct mf_spawn_packet *packet)
{
    return spawner->fd < 0 ? MF_EDEAD : read_packet(spawner->fd, packet);
}

void spawner_support(const struct spawner *spawner, struct sandbox_support *support)
{
    *support = spawner->support;
}

/* The channel's memory: of a fixed size for ever, so no access to it can fault. */
static mf_err open_channel(struct blank *blank, int *memfd)
{
    *memfd = memfd_create("mayfly-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*memfd < 0 || ftruncate(*memfd, MF_CHANNEL_FILE_BYTES) != 0 ||
        fcntl(*memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return mf_err_from_errno(errno);
    return channel_open(*memfd, &blank->channel);
}

/* Our ends go to *blank, its ends to theirs; those not made are -1. */
static mf_err open_ends(struct blank *blank, int theirs[MF_BLANK_FD_COUNT])
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return mf_err_from_errno(errno);
    blank->control = pair[0];
    theirs[MF_BLANK_CONTROL] = pair[1];
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0)
        return mf_err_from_errno(errno);
    blank->console = pair[0];
    theirs[MF_BLANK_CONSOLE] = pair[1];
    blank->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (blank->bell < 0)
        return mf_err_from_errno(errno);
    theirs[MF_BLANK_BELL] = blank->bell; /* one eventfd, two owners */
    return open_channel(blank, &theirs[MF_BLANK_CHANNEL]);
}

mf_err blank_open(struct spawner *spawner, uint64_t id, enum mf_sandbox sandbox,
                  const struct blank_fit *fit, struct blank *blank, struct mf_why *why)
{
    int theirs[MF_BLANK_FD_COUNT] = {-1, -1, -1, -1};
    *blank = (struct blank){.id = id,
                            .sandbox = sandbox,
                            .control = -1,
                            .bell = -1,
                            .console = -1,
                            .spawner = spawner};
    mf_err err = open_ends(blank, theirs);
    if (err)
        (void)mf_why(why, err, "a blank's descriptors: %s (raise `ulimit -n`?)", mf_err_words(err));
    if (!err) {
        struct mf_spawn_packet packet = {
            .magic = MF_SPAWN_MAGIC, .type = MF_SPAWN, .id = id, .sandbox = sandbox};
        struct iovec part[2] = {{&packet, sizeof packet}, {NULL, 0}};
        if (fit) {
            packet.window_mib = (uint32_t)(fit->window_bytes >> 20);
            packet.jit = fit->jit;
        }
        err = send_packet(spawner->fd, part, theirs, MF_BLANK_FD_COUNT);
        if (err)
            (void)mf_why(why, err, "the spawner takes no request: %s", mf_err_words(err));
    }
    if (!err && sandbox == MF_SANDBOX_KVM) { /* may be rolled back, and its channel renewed */
        channel_keep(&blank->channel, theirs[MF_BLANK_CHANNEL]);
        theirs[MF_BLANK_CHANNEL] = -1;
    }
    for (int i = 0; i < MF_BLANK_FD_COUNT; i++)
        if (i != MF_BLANK_BELL)
            close_fd(&theirs[i]);
    if (err)
        blank_close(blank);
    return err;
}

mf_err blank_start(struct blank *blank, const struct start_order *order, struct mf_why *why)
{
    if (order->env_bytes > MF_START_ENV_MAX)
        return mf_why(why, MF_ETOOBIG, "%u bytes of environment; at most %u", order->env_bytes,
                      MF_START_ENV_MAX);
    struct mf_start start = {.magic = MF_SPAWN_MAGIC,
                             .type = MF_START,
                             .instance_id = blank->id,
                             .window_bytes = order->window_bytes,
                             .nice = order->nice,
                             .env_count = order->env_count,
                             .env_bytes = order->env_bytes,
                             .flags = order->flags};
    int fd[MF_START_FD_MAX] = {order->image_fd};
    size_t fd_count = 1;
    if (order->flags & MF_START_RESTORE)
        fd[fd_count++] = order->snapshot_fd;
    if (order->flags & MF_START_RESET)
        fd[fd_count++] = order->pagemap_fd;
    if (order->flags & MF_START_TOUCHED)
        fd[fd_count++] = order->touched_fd;
    struct iovec part[2] = {{&start, sizeof start},
                            {(void *)(uintptr_t)order->env, order->env_bytes}};
    mf_err err = send_packet(blank->control, part, fd, fd_count);
    if (err)
        (void)mf_why(why, err, "blank %llu takes no start: %s", (unsigned long long)blank->id,
                     mf_err_words(err));
    return err;
}

bool blank_start_failed(struct blank *blank, struct mf_why *why)
{
    struct mf_spawn_packet packet;
    if (blank->control < 0 || read_packet(blank->control, &packet) != MF_OK ||
        (packet.type != MF_START_FAILED && packet.type != MF_BLANK_FAILED))
        return false;
    blank->unready = packet.type == MF_BLANK_FAILED;
    *why = packet.why;
    return true;
}

static mf_err ask_for(struct blank *blank, enum mf_spawn_type type)
{
    struct mf_spawn_packet packet = {
        .magic = MF_SPAWN_MAGIC, .type = type, .id = blank->id, .sandbox = blank->sandbox};
    struct iovec part[2] = {{&packet, sizeof packet}, {NULL, 0}};
    return send_packet(blank->spawner->fd, part, NULL, 0);
}

void blank_kill(struct blank *blank)
{
    if (ask_for(blank, MF_KILL) == MF_EAGAIN && blank->pid > 0)
        (void)kill(blank->pid, SIGKILL); /* a spawner that does not read does not reap */
}

bool blank_pause(struct blank *blank, bool stop)
{
    return ask_for(blank, stop ? MF_STOP : MF_CONTINUE) == MF_OK;
}

void blank_close(struct blank *blank)
{
    channel_close(&blank->channel);
    close_fd(&blank->control);
    close_fd(&blank->bell);
    close_fd(&blank->console);
}

const char *exit_cause(int status)
{
    static const char *const name[] = {
#define NAME(nr, NAME_, words, meaning) [nr] = words,
        MF_CAUSES(NAME)
#undef NAME
    };
    if (WIFSIGNALED(status)) {
        if (WTERMSIG(status) == SIGSYS)
            return name[MF_CAUSE_PROTOCOL]; /* a host call that the filter does not admit */
        if (WTERMSIG(status) == SIGKILL)
            return "killed";
        return name[MF_CAUSE_TRIPLE_FAULT]; /* not even its signal frame could be written */
    }
    int code = WEXITSTATUS(status);
    if (code == 0)
        return "halted";
    if (code > MF_CAUSE_STATUS && code < MF_CAUSE_STATUS + MF_CAUSE_COUNT)
        return name[code - MF_CAUSE_STATUS];
    return name[MF_CAUSE_PROTOCOL];
}
