/*
 * mayfly-spawner: a small parent that forks confined blank monitors from a tiny
 * address space. The node execs it with its end of a socket on MF_SPAWNER_FD; it is
 * not for people to run. Order: open → lock in → survey, seal → probe → say so →
 * serve.
 * Single-threaded; allocates nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/common/tsc.h"
#include "monitor/monitor.h"
#include "spawner/lockdown.h"
#include "spawner/probe.h"
#include "spawner/protocol.h"
#include "spawner/serve.h"

static void say(enum mf_spawn_type type, enum mf_sandbox sandbox, mf_err err,
                const struct mf_why *why)
{
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC,
                                     .type = type,
                                     .sandbox = sandbox,
                                     .status = err,
                                     .features = err ? 0 : monitor_features(sandbox),
                                     .why = *why};
    (void)send(MF_SPAWNER_FD, &packet, sizeof packet, MSG_NOSIGNAL); /* serve() sees a dead node */
}

static bool socket_is_there(void)
{
    int type = 0;
    socklen_t bytes = sizeof type;
    return getsockopt(MF_SPAWNER_FD, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
           type == SOCK_SEQPACKET;
}

/* /dev/kvm, as whoever started us: root's rights, or the group's, end with the
 * lock-down. -1 and why: closed to us, which is no failure. */
static int open_kvm(struct mf_why *why)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        (void)mf_why(why, MF_EDENIED, "/dev/kvm: %s%s", strerror(errno),
                     errno == EACCES ? "; `sudo chown $USER /dev/kvm` opens it until the next boot"
                     : errno == ENOENT ? "; this machine, or its kernel, has no KVM"
                                       : "");
    return fd;
}

static void probe_all(int kvm, int self, const struct mf_why *kvm_why)
{
    struct mf_why why = {{0}};
    mf_err err = monitor_process_survey(&why);
    if (!err)
        err = monitor_process_seal(&why);
    if (!err)
        err = probe_sandbox(MF_SANDBOX_PROCESS, -1, self, &why);
    say(MF_SUPPORT, MF_SANDBOX_PROCESS, err, &why);
    if (kvm < 0) {
        say(MF_SUPPORT, MF_SANDBOX_KVM, MF_EDENIED, kvm_why);
        return;
    }
    why.text[0] = 0;
    err = monitor_survey(kvm, &why);
    if (!err)
        err = probe_sandbox(MF_SANDBOX_KVM, kvm, self, &why);
    say(MF_SUPPORT, MF_SANDBOX_KVM, err, &why);
}

int main(void)
{
    struct mf_why why = {{0}}, kvm_why = {{0}};
    if (!socket_is_there()) {
        fprintf(stderr, "mayfly-spawner: started by hand; it is a part of `mayfly node` and "
                        "`mayfly run`\n");
        return 2;
    }
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)syscall(SYS_close_range, MF_SPAWNER_FD + 1, ~0u, 0u);
    tsc_begin();
    int kvm = open_kvm(&kvm_why);
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (self < 0) {
        mf_err err = mf_why(&why, MF_EUNSUPPORTED, "pidfd_open: %s (Linux 5.3 has it)",
                            strerror(errno));
        say(MF_REFUSED, MF_SANDBOX_AUTO, err, &why);
        return 1;
    }
    mf_err err = lockdown_shared(&why);
    if (err) {
        say(MF_REFUSED, MF_SANDBOX_AUTO, err, &why);
        return 1;
    }
    probe_all(kvm, self, &kvm_why);
    serve(MF_SPAWNER_FD, kvm, self);
    return 0;
}
