/*
 * probe.c: a blank like any other, whose node's ends are held here. It is usable if it
 * ends with status 0 within the time; what it says on its control socket is why not.
 */
#include "spawner/probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/channel.h"
#include "abi/layout.h"
#include "spawner/blank.h"

#define PROBE_MS_MAX 10000
#define TRIES 2 /* one that is killed, for want of memory perhaps, has said nothing of the sandbox */
#define OURS MF_BLANK_FD_COUNT            /* our end of the control socket */
#define CONSOLE_READ (MF_BLANK_FD_COUNT + 1)
#define FD_COUNT (MF_BLANK_FD_COUNT + 2)

static mf_err open_all(int fd[FD_COUNT], struct mf_why *why)
{
    int control[2] = {-1, -1}, console[2] = {-1, -1};
    int done = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control);
    if (!done)
        done = pipe(console);
    fd[OURS] = control[0];
    fd[MF_BLANK_CONTROL] = control[1];
    fd[CONSOLE_READ] = console[0];
    fd[MF_BLANK_CONSOLE] = console[1];
    fd[MF_BLANK_CHANNEL] = memfd_create("mayfly-channel", MFD_CLOEXEC);
    fd[MF_BLANK_BELL] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (done || fd[MF_BLANK_CHANNEL] < 0 || fd[MF_BLANK_BELL] < 0 ||
        ftruncate(fd[MF_BLANK_CHANNEL], MF_CHANNEL_FILE_BYTES) != 0)
        return mf_why(why, mf_err_from_errno(errno), "probe: %s", strerror(errno));
    return MF_OK;
}

static void close_all(int fd[FD_COUNT])
{
    for (int i = 0; i < FD_COUNT; i++)
        if (fd[i] >= 0)
            (void)close(fd[i]);
}

/* Its end, in time or by force, then what it said. */
static mf_err await(int control, pid_t pid, bool *killed, struct mf_why *why)
{
    struct mf_spawn_packet packet = {0};
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    bool in_time = end.fd >= 0 && poll(&end, 1, PROBE_MS_MAX) > 0;
    int status = 0;
    (void)kill(pid, SIGKILL); /* ours until the next line reaps it */
    (void)waitpid(pid, &status, 0);
    if (end.fd >= 0)
        (void)close(end.fd);
    if (recv(control, &packet, sizeof packet, MSG_DONTWAIT) == (ssize_t)sizeof packet &&
        (packet.type == MF_BLANK_FAILED || packet.type == MF_START_FAILED)) {
        packet.why.text[MF_WHY_BYTES - 1] = 0;
        return mf_why(why, (mf_err)packet.status, "%s", packet.why.text);
    }
    if (!in_time)
        return mf_why(why, MF_ETIMEDOUT, "probe: no end within %d ms", PROBE_MS_MAX);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return MF_OK;
    *killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    return mf_why(why, MF_EUNSUPPORTED, "probe: ended by %s %d",
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static mf_err probe(enum mf_sandbox sandbox, int kvm, int self, bool *killed, struct mf_why *why)
{
    int fd[FD_COUNT] = {-1, -1, -1, -1, -1, -1};
    pid_t pid = 0;
    const struct blank_plan plan = {
        .follows = -1, .window_bytes = MF_WINDOW_DEFAULT,
        .sandbox = sandbox, .fd = fd, .kvm = kvm, .self = self, .probe = true};
    mf_err err = open_all(fd, why);
    if (!err)
        err = blank_fork(&plan, &pid, why);
    if (!err) {
        (void)close(fd[MF_BLANK_CONTROL]); /* so that its end is seen on ours */
        fd[MF_BLANK_CONTROL] = -1;
        err = await(fd[OURS], pid, killed, why);
    }
    close_all(fd);
    return err;
}

mf_err probe_sandbox(enum mf_sandbox sandbox, int kvm, int self, struct mf_why *why)
{
    mf_err err = MF_OK;
    bool killed = true;
    for (int tries = 0; killed && tries < TRIES; tries++) {
        killed = false;
        err = probe(sandbox, kvm, self, &killed, why);
    }
    if (!err)
        why->text[0] = 0;
    return err;
}
