/*
 * test_lockdown.c: what a blank can still do before its monitor adds a system call
 * filter: by trying. The spawner's own lock-down and fork, with this file in the
 * monitor's place.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/monitor.h"
#include "spawner/blank.h"
#include "spawner/lockdown.h"

static int host_shm = -1; /* a segment of the host's, to be invisible inside */
static pid_t host_pid;    /* a process of the host's */

static int fork_one(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}

static int connect_out(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(80),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return fd < 0 ? fd : connect(fd, (const struct sockaddr *)&to, sizeof to);
}

static int set_limit(int resource, rlim_t value)
{
    const struct rlimit limit = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

/* X(what, attempt: >= 0 if it could, errno that it must fail with; 0: any) */
#define ACTS(X)                                                                        \
    X(open_host_file, open("/etc/passwd", O_RDONLY), 0)                                \
    X(open_proc, open("/proc/self/status", O_RDONLY), 0)                               \
    X(open_kvm, open("/dev/kvm", O_RDWR), 0)                                           \
    X(make_file, open("/x", O_RDWR | O_CREAT, 0600), 0)                                \
    X(make_directory, mkdir("/x", 0700), 0)                                            \
    X(mount_tmpfs, mount("t", "/", "tmpfs", 0, NULL), EPERM)                           \
    X(remount_writable, mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM)     \
    X(chroot, chroot("/"), EPERM)                                                      \
    X(new_mounts, unshare(CLONE_NEWNS), EPERM)                                         \
    X(new_network, unshare(CLONE_NEWNET), EPERM)                                       \
    X(become_root, setuid(0), 0)                                                       \
    X(become_roots_group, setgid(0), 0)                                                \
    X(other_groups, setgroups(0, NULL), EPERM)                                         \
    X(ambient, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0), EPERM)           \
    X(privileges_by_exec, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL)              \
    X(fork, fork_one(), EAGAIN)                                                        \
    X(more_descriptors, set_limit(RLIMIT_NOFILE, 64), EPERM)                           \
    X(more_memory, set_limit(RLIMIT_AS, RLIM_INFINITY), EPERM)                         \
    X(core_files, set_limit(RLIMIT_CORE, RLIM_INFINITY), EPERM)                        \
    X(signal_host, kill(host_pid, 0), ESRCH)                                           \
    X(trace_host, (int)ptrace(PTRACE_ATTACH, host_pid, NULL, NULL), 0)                 \
    X(connect, connect_out(), 0)                                                       \
    X(host_name, sethostname("x", 1), EPERM)                                           \
    X(host_shared_memory, shmctl(host_shm, IPC_STAT, &(struct shmid_ds){0}), EINVAL)   \
    X(set_clock, (int)syscall(SYS_clock_settime, 0, &(struct timespec){1, 0}), EPERM)  \
    X(lower_nice, setpriority(PRIO_PROCESS, 0, -5), EACCES)

enum act {
#define NUMBER(what, attempt, error) ACT_##what,
    ACTS(NUMBER)
#undef NUMBER
    ACT_COUNT
};

struct report {
    int error[ACT_COUNT]; /* 0: it could */
    int open_root;        /* errno of reading the root directory */
    uint32_t descriptors; /* bit n: descriptor n is open */
};

static struct report result;

/* In the monitor's place: what blank_fork() ends in. */
_Noreturn void monitor_probe(struct monitor_blank *blank)
{
    struct report report = {0};
    for (int fd = 0; fd < 32; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            report.descriptors |= 1u << fd;
#define TRY(what, attempt, number) \
    errno = 0;                     \
    report.error[ACT_##what] = (attempt) >= 0 ? 0 : errno;
    ACTS(TRY)
#undef TRY
    report.open_root = open("/", O_RDONLY | O_DIRECTORY) < 0 ? errno : 0;
    (void)!send(blank->control, &report, sizeof report, 0);
    _exit(0);
}

_Noreturn void monitor_main(struct monitor_blank *blank)
{
    monitor_probe(blank);
}

_Noreturn void monitor_give_up(int control, enum mf_spawn_type type, mf_err err,
                               const struct mf_why *why)
{
    (void)type;
    (void)send(control, why->text, strlen(why->text), 0);
    _exit(err ? 1 : 2);
}

/* In a child: lock down, fork a blank, leave its control socket's other end to us. */
_Noreturn static void be_a_spawner(int control)
{
    struct mf_why why = {{0}};
    int console[2], status = 1;
    pid_t pid;
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pipe(console) != 0)
        _exit(1);
    const int fd[MF_BLANK_FD_COUNT] = {control, memfd_create("channel", 0), eventfd(0, 0),
                                       console[1]};
    const struct blank_plan plan = {
        .follows = -1,
        .sandbox = MF_SANDBOX_PROCESS, .fd = fd, .kvm = -1, .self = self, .probe = true};
    mf_err err = lockdown_shared(&why);
    if (!err)
        err = blank_fork(&plan, &pid, &why);
    if (err)
        monitor_give_up(control, MF_BLANK_FAILED, err, &why);
    (void)waitpid(pid, &status, 0);
    _exit(status ? 1 : 0);
}

static int confine(void **state)
{
    (void)state;
    int ends[2], status;
    host_pid = getpid();
    host_shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (host_shm < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        be_a_spawner(ends[1]);
    (void)close(ends[1]);
    char text[sizeof result + MF_WHY_BYTES] = "";
    ssize_t got = recv(ends[0], text, sizeof text - 1, 0);
    (void)close(ends[0]);
    (void)waitpid(pid, &status, 0);
    (void)shmctl(host_shm, IPC_RMID, NULL);
    if (got != (ssize_t)sizeof result) {
        print_error("no report: %s\n", text);
        return -1;
    }
    memcpy(&result, text, sizeof result);
    return status;
}

static void a_blank_can_do_nothing_of_the_list(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int error;
    } acts[] = {
#define NAME(what, attempt, error) {#what, error},
        ACTS(NAME)
#undef NAME
    };
    int wrong = 0;
    for (size_t i = 0; i < ACT_COUNT; i++) {
        int error = result.error[i];
        if (error != 0 && (acts[i].error == 0 || acts[i].error == error))
            continue;
        print_error("%s: %s\n", acts[i].what, error ? strerror(error) : "could");
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* The root has nothing in it, and Landlock, where there is one, does not even let look. */
static void landlock_is_in_force_where_there_is_one(void **state)
{
    (void)state;
    bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
    assert_int_equal(result.open_root, landlock ? EACCES : 0);
}

static void a_blank_holds_its_own_descriptors_and_standard_error(void **state)
{
    (void)state;
    assert_int_equal(result.descriptors, 1u << STDERR_FILENO | 1u << MONITOR_FD_CONTROL |
                                             1u << MONITOR_FD_CHANNEL | 1u << MONITOR_FD_BELL |
                                             1u << MONITOR_FD_CONSOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_can_do_nothing_of_the_list),
        cmocka_unit_test(landlock_is_in_force_where_there_is_one),
        cmocka_unit_test(a_blank_holds_its_own_descriptors_and_standard_error),
    };
    return cmocka_run_group_tests(tests, confine, NULL);
}
