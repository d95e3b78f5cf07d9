/* child.c: posix_spawn (no copy of our memory), wait4 with a deadline. */
#include "bench/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

#define PASSED_FD 3
#define LAST_WORDS_BYTES 1024
#define LOG_READ_BYTES 4096
#define LISTEN_BACKLOG 1024
#define CONNECT_AGAIN_NS 100000

/* dup2 by which the child gets fd as target; when both are the same number,
 * posix_spawn takes close-on-exec away. */
static int give(posix_spawn_file_actions_t *actions, int fd, int target)
{
    if (fd >= 0)
        return posix_spawn_file_actions_adddup2(actions, fd, target);
    return posix_spawn_file_actions_addopen(actions, target, "/dev/null", O_RDWR, 0);
}

static int give_all(posix_spawn_file_actions_t *actions, const struct child_plan *plan, int log)
{
    int failed = give(actions, plan->in, STDIN_FILENO);
    failed = failed ? failed : give(actions, plan->out >= 0 ? plan->out : log, STDOUT_FILENO);
    failed = failed ? failed : give(actions, log, STDERR_FILENO);
    if (!failed && plan->passed >= 0)
        failed = posix_spawn_file_actions_adddup2(actions, plan->passed, PASSED_FD);
    if (!failed && plan->directory)
        failed = posix_spawn_file_actions_addchdir_np(actions, plan->directory);
    return failed;
}

/* Signals as by default, nothing blocked but what the plan asks for. */
static int set_signals(posix_spawnattr_t *attributes, const struct child_plan *plan)
{
    sigset_t blocked, usual;
    sigemptyset(&blocked);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGPIPE);
    if (plan->holds_usr1)
        sigaddset(&blocked, SIGUSR1);
    int failed = posix_spawnattr_setsigmask(attributes, &blocked);
    failed = failed ? failed : posix_spawnattr_setsigdefault(attributes, &usual);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return failed ? failed : posix_spawnattr_setflags(attributes, flags);
}

mf_err child_start(const struct child_plan *plan, struct child *child, struct mf_why *why)
{
    *child = CHILD_NONE;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    child->log = memfd_create("bench-log", MFD_CLOEXEC);
    if (child->log < 0)
        return mf_why(why, mf_err_from_errno(errno), "no memory for the log of %s", plan->argv[0]);
    posix_spawn_file_actions_init(&actions); /* these two cannot fail in the C library */
    posix_spawnattr_init(&attributes);
    int failed = give_all(&actions, plan, child->log);
    failed = failed ? failed : set_signals(&attributes, plan);
    if (!failed)
        failed = posix_spawnp(&child->pid, plan->argv[0], &actions, &attributes,
                              (char *const *)(uintptr_t)plan->argv,
                              plan->env ? plan->env : environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (!failed)
        return MF_OK;
    close(child->log);
    *child = CHILD_NONE;
    return mf_why(why, mf_err_from_errno(failed), "cannot start %s: %s", plan->argv[0],
                  strerror(failed));
}

/* True when it ended within ms (-1: waits as long as it takes). */
static bool ended_within(pid_t pid, int ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return true;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&wait, 1, ms);
    while (ready < 0 && errno == EINTR);
    close(fd);
    return ready > 0;
}

void child_end(struct child *child, int signal, struct rusage *usage)
{
    struct rusage ignored;
    if (child->pid > 0) {
        kill(child->pid, signal);
        if (!ended_within(child->pid, CHILD_END_MS))
            kill(child->pid, SIGKILL);
        while (wait4(child->pid, NULL, 0, usage ? usage : &ignored) < 0 && errno == EINTR) {
        }
    }
    if (child->log >= 0)
        close(child->log);
    *child = CHILD_NONE;
}

const char *child_last_words(const struct child *child, char *text, size_t room)
{
    char end[LAST_WORDS_BYTES];
    off_t bytes = lseek(child->log, 0, SEEK_END);
    off_t from = bytes > (off_t)sizeof end - 1 ? bytes - (off_t)sizeof end + 1 : 0;
    ssize_t got = bytes > 0 ? pread(child->log, end, sizeof end - 1, from) : 0;
    while (got > 0 && end[got - 1] == '\n')
        got--;
    end[got > 0 ? got : 0] = 0;
    const char *line = strrchr(end, '\n');
    line = line ? line + 1 : end;
    size_t length = strnlen(line, room - 1);
    memcpy(text, line, length);
    text[length] = 0;
    return text;
}

mf_err child_log(const struct child *child, struct mf_buf *text, struct mf_why *why)
{
    char part[LOG_READ_BYTES];
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(child->log, part, sizeof part, at);
        if (got < 0)
            return mf_why(why, mf_err_from_errno(errno), "its log cannot be read: %s", strerror(errno));
        mf_err err = got > 0 ? mf_buf_add(text, part, (size_t)got) : MF_OK;
        if (err || got == 0)
            return err;
        at += got;
    }
}

mf_err child_run(const struct child_plan *plan, struct mf_why *why)
{
    struct child child;
    mf_err err = child_start(plan, &child, why);
    if (err)
        return err;
    int status = 0;
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        char words[256];
        err = mf_why(why, MF_EIO, "%s: %s", plan->argv[0],
                     child_last_words(&child, words, sizeof words));
    }
    child.pid = 0;
    child_end(&child, 0, NULL);
    return err;
}

mf_err listen_anywhere(int *fd, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return mf_err_from_errno(errno);
    if (bind(*fd, (struct sockaddr *)&address, bytes) != 0 || listen(*fd, LISTEN_BACKLOG) != 0 ||
        getsockname(*fd, (struct sockaddr *)&address, &bytes) != 0) {
        mf_err err = mf_err_from_errno(errno);
        close(*fd);
        *fd = -1;
        return err;
    }
    *port = ntohs(address.sin_port);
    return MF_OK;
}

mf_err connect_to(uint16_t port, int *fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return mf_err_from_errno(errno);
    const struct timeval patience = {.tv_sec = CHILD_ANSWER_S};
    (void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(*fd, (struct sockaddr *)&address, sizeof address) == 0)
        return MF_OK;
    mf_err err = errno == ECONNREFUSED ? MF_EAGAIN : mf_err_from_errno(errno);
    close(*fd);
    *fd = -1;
    return err;
}

mf_err free_port(uint16_t *port)
{
    int fd = -1;
    mf_err err = listen_anywhere(&fd, port);
    if (!err)
        close(fd);
    return err;
}

mf_err connect_when_up(uint16_t port, struct child *child, int *connection, struct mf_why *why)
{
    uint64_t until_ns = mf_monotonic_ns() + CHILD_START_MS * MF_NS_PER_MS;
    mf_err err = MF_EAGAIN;
    bool ended = false;
    while (err == MF_EAGAIN && !ended && mf_monotonic_ns() < until_ns) {
        err = connect_to(port, connection);
        if (err == MF_EAGAIN) {
            nanosleep(&(struct timespec){.tv_nsec = CONNECT_AGAIN_NS}, NULL);
            siginfo_t state = {0};
            ended = waitid(P_PID, (id_t)child->pid, &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                    state.si_pid != 0;
        }
    }
    char words[256];
    if (!err)
        return MF_OK;
    return mf_why(why, MF_EIO, "%s; nobody listens on port %u: %s",
                  ended ? "it ended at once" : "it runs, but", port,
                  child_last_words(child, words, sizeof words));
}
