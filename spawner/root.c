/* root.c: pivot_root(2) into nothing; see its manual page, "pivot_root(".", ".")". */
#include "spawner/root.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNT_POINT "/proc" /* any directory that surely exists */
#define FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static mf_err refused(struct mf_why *why, const char *what, const char *remedy)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "lock-down: empty root: %s: %s%s", what,
                  strerror(error), remedy);
}

mf_err root_empty(struct mf_why *why)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return refused(why, "cannot detach our mounts from the host's",
                       "; AppArmor may restrict user namespaces: `sysctl "
                       "kernel.apparmor_restrict_unprivileged_userns=0`");
    if (mount("mayfly", MOUNT_POINT, "tmpfs", FLAGS, "size=4k,nr_inodes=2,mode=0555") != 0)
        return refused(why, "cannot mount a tmpfs", "");
    if (chdir(MOUNT_POINT) != 0)
        return refused(why, "chdir", "");
    if (syscall(SYS_pivot_root, ".", ".") != 0)
        return refused(why, "pivot_root",
                       errno == EINVAL ? "; a root that is still the initramfs cannot be left: "
                                         "switch_root to a tmpfs first"
                                       : "");
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return refused(why, "cannot let go of the old root", "");
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | FLAGS, NULL) != 0)
        return refused(why, "cannot make it read-only", "");
    return MF_OK;
}
