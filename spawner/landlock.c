/*
 * landlock.c: a ruleset that handles everything and allows nothing (landlock(7)).
 * Own definitions: Debian 12's headers know version 2, kernels since know more.
 */
#include "spawner/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULESET_VERSION 1u /* flag: ask for the version */

struct ruleset {
    uint64_t files;  /* version 1 */
    uint64_t net;    /* version 4 */
    uint64_t scoped; /* version 6 */
};

#define BITS(count) ((1ull << (count)) - 1)

/* How many rights of a kind a version knows; linux/landlock.h. */
static struct ruleset everything(long version)
{
    return (struct ruleset){
        .files = version >= 5   ? BITS(16) /* ioctl on devices */
                 : version >= 3 ? BITS(15) /* truncate         */
                 : version >= 2 ? BITS(14) /* rename elsewhere */
                                : BITS(13),
        .net = version >= 4 ? BITS(2) : 0,
        .scoped = version >= 6 ? BITS(2) : 0,
    };
}

mf_err landlock_deny_all(struct mf_why *why)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
    if (version < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
        return MF_OK;
    const struct ruleset all = everything(version);
    int fd = version < 0 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) != 0) {
        int error = errno;
        return mf_why(why, mf_err_from_errno(error), "lock-down: Landlock: %s", strerror(error));
    }
    (void)close(fd);
    return MF_OK;
}
