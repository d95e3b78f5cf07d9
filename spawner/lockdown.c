/*
 * lockdown.c: identity, namespaces, capabilities, limits. The empty root is root.c's,
 * Landlock landlock.c's; the system call filter is each monitor's own last step.
 *
 * Who runs. An ordinary user's spawner stays that user: the user namespace maps its
 * uid and gid to themselves and nothing else, so whatever escapes has that user's
 * rights at most, and none of his files in sight. A spawner started by root becomes
 * nobody first (uid and gid 65534, no supplementary groups) and then goes the very
 * same way, so there is one path to test and root is never inside. Supplementary
 * groups of an ordinary user cannot be dropped (setgroups is denied in an
 * unprivileged user namespace); they are of no use without a file to open.
 */
#include "spawner/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/layout.h"
#include "spawner/landlock.h"
#include "spawner/root.h"

#define THP_DISABLE_EXCEPT_ADVISED 2ul /* PR_THP_DISABLE_EXCEPT_ADVISED, which headers may lack */
#define NOBODY 65534u /* Linux's overflow id, "nobody" everywhere */
#define OOM_SCORE "500" /* an instance goes before the node does */

/* Limits of every blank. Window and monitor fit into the address space; descriptors
 * are the blank's own plus the image and what a VM needs. */
#define BLANK_ADDRESS_BYTES (MF_WINDOW_MAX + (256ull << 20))
#define BLANK_ADDRESS_BYTES_KVM (2 * BLANK_ADDRESS_BYTES) /* to be rolled back: the files, mapped again */
#define BLANK_STACK_BYTES (1ull << 20)
#define BLANK_FILES 24u
#define BLANK_FILE_BYTES MF_PAGE_BYTES /* the probe's guest; nothing else writes a file */

static mf_err refused(struct mf_why *why, const char *what, const char *remedy)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "lock-down: %s: %s%s%s", what, strerror(error),
                  remedy ? "; " : "", remedy ? remedy : "");
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t bytes = strlen(text);
    bool written = write(fd, text, bytes) == (ssize_t)bytes;
    int error = errno;
    (void)close(fd);
    errno = error;
    return written;
}

/* Root becomes nobody. Where 65534 is not mapped we are root of somebody's user
 * namespace only, an ordinary user outside of it, and stay who we are. */
static mf_err leave_root(bool *became_nobody, struct mf_why *why)
{
    *became_nobody = false;
    if (geteuid() != 0)
        return MF_OK;
    if (setgroups(0, NULL) != 0 && errno != EPERM)
        return refused(why, "cannot drop root's groups", NULL);
    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0) {
        if (errno == EINVAL)
            return MF_OK;
        return refused(why, "cannot leave root for nobody",
                       "run the node as an ordinary user instead");
    }
    /* The change made /proc/self root's; the maps below are ours to write. */
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
        return refused(why, "cannot open /proc/self to ourselves again", NULL);
    *became_nobody = true;
    return MF_OK;
}

static mf_err unshare_refused(struct mf_why *why)
{
    if (errno == EPERM)
        return refused(why, "no user namespace",
                       "an ordinary chroot forbids them (use pivot_root, systemd-nspawn or a "
                       "container), and so do `sysctl kernel.unprivileged_userns_clone=0` (set it "
                       "to 1) and a container's seccomp profile");
    if (errno == ENOSPC || errno == EUSERS)
        return refused(why, "no more namespaces",
                       "raise `sysctl user.max_user_namespaces` and its user.max_*_namespaces kin");
    return refused(why, "no namespaces", "this kernel needs CONFIG_USER_NS, NET_NS and PID_NS");
}

/* One id each, mapped to itself; see the top. */
static mf_err write_maps(uid_t uid, gid_t gid, struct mf_why *why)
{
    char uids[64], gids[64];
    (void)snprintf(uids, sizeof uids, "%u %u 1\n", uid, uid);
    (void)snprintf(gids, sizeof gids, "%u %u 1\n", gid, gid);
    if (!write_file("/proc/self/setgroups", "deny") ||
        !write_file("/proc/self/uid_map", uids) || !write_file("/proc/self/gid_map", gids))
        return refused(why, "cannot map our user into the user namespace",
                       "/proc must be mounted and writable");
    return MF_OK;
}

static mf_err enter_namespaces(bool nobody, struct mf_why *why)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                CLONE_NEWCGROUP) != 0)
        return unshare_refused(why);
    mf_err err = write_maps(uid, gid, why);
    /* Another process of nobody's may not look into a blank or trace it; root, whose node
     * it is, may. An ordinary user's processes are all his own, and his node reads /proc. */
    if (!err && nobody && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        err = refused(why, "cannot close /proc/self to others", NULL);
    if (!err && sethostname("mayfly", strlen("mayfly")) != 0)
        err = refused(why, "cannot hide the host's name",
                      "`sysctl kernel.apparmor_restrict_unprivileged_userns=0` gives user "
                      "namespaces their rights back where AppArmor took them");
    return err;
}

static bool set_capabilities(uint32_t low)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = low, .permitted = low}};
    return syscall(SYS_capset, &header, data) == 0;
}

/* An empty bounding set and no-new-privileges: nothing can come back by execve. */
static mf_err drop_capabilities(struct mf_why *why)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return refused(why, "cannot clear ambient capabilities", NULL);
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return refused(why, "cannot empty the capability bounding set", NULL);
    if (!set_capabilities(1u << CAP_SYS_ADMIN))
        return refused(why, "cannot drop capabilities", NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return refused(why, "cannot set no-new-privileges", NULL);
    return MF_OK;
}

/* No huge pages of memory (a guest that touches 4 KiB shall pay for 4 KiB); of files, whose pages are in
 * the cache whoever maps them, and of memory where a monitor names it (window_large()), if the system
 * (Linux 6.18) can tell that. A guest cannot: its filters let no MADV_HUGEPAGE pass. */
static int disable_huge_pages(void)
{
    return prctl(PR_SET_THP_DISABLE, 1, THP_DISABLE_EXCEPT_ADVISED, 0, 0) == 0 ||
                   prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0
               ? 0 : -1;
}

/* Inherited by every blank, cheaper than in each: no huge pages, and no rseq area, which a blank
 * unmaps with its stack. */
static mf_err prepare_memory(struct mf_why *why)
{
    if (disable_huge_pages() != 0)
        return refused(why, "cannot switch transparent huge pages off", NULL);
    if (__rseq_size == 0)
        return MF_OK;
    char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    if (syscall(SYS_rseq, area, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG) != 0)
        return refused(why, "cannot unregister restartable sequences", NULL);
    return MF_OK;
}

mf_err lockdown_shared(struct mf_why *why)
{
    /* Not a barrier: without it an instance is killed as late as the node. */
    (void)write_file("/proc/self/oom_score_adj", OOM_SCORE);
    bool nobody = false;
    mf_err err = leave_root(&nobody, why);
    if (!err && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) /* a change of uid clears it */
        err = refused(why, "cannot ask to die with the node", NULL);
    if (!err)
        err = enter_namespaces(nobody, why);
    if (!err)
        err = root_empty(why);
    if (!err)
        err = drop_capabilities(why);
    if (!err)
        err = landlock_deny_all(why);
    return err ? err : prepare_memory(why);
}

static bool limit(int resource, rlim_t value)
{
    const struct rlimit both = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

/* RLIMIT_NPROC counts all of a user's tasks in the namespace, blanks together. A
 * process sandbox never makes one: zero. KVM_RUN makes one in the kernel. */
static bool limit_all(enum mf_sandbox sandbox)
{
    const rlim_t address_bytes =
        sandbox == MF_SANDBOX_KVM ? BLANK_ADDRESS_BYTES_KVM : BLANK_ADDRESS_BYTES;
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, BLANK_FILES) &&
           limit(RLIMIT_FSIZE, BLANK_FILE_BYTES) && limit(RLIMIT_AS, address_bytes) &&
           limit(RLIMIT_STACK, BLANK_STACK_BYTES) && limit(RLIMIT_MSGQUEUE, 0) &&
           limit(RLIMIT_MEMLOCK, 0) && (sandbox != MF_SANDBOX_PROCESS || limit(RLIMIT_NPROC, 0));
}

mf_err lockdown_follow(int parent, struct mf_why *why)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return refused(why, "cannot ask to die with the spawner", NULL);
    struct pollfd gone = {.fd = parent, .events = POLLIN};
    if (poll(&gone, 1, 0) != 0)
        return mf_why(why, MF_EDEAD, "lock-down: the spawner ended meanwhile");
    return MF_OK;
}

mf_err lockdown_blank(enum mf_sandbox sandbox, struct mf_why *why)
{
    if (!limit_all(sandbox))
        return refused(why, "cannot set resource limits", NULL);
    if (!set_capabilities(0))
        return refused(why, "cannot drop capabilities", NULL);
    return MF_OK;
}
