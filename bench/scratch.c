/* scratch.c: mkdtemp(3), nftw(3). */
#include "bench/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REMOVE_DEPTH 16

mf_err scratch_open(struct scratch *scratch, struct mf_why *why)
{
    const char *where = getenv("TMPDIR");
    int bytes = snprintf(scratch->path, sizeof scratch->path, "%s/mayfly-bench-XXXXXX",
                         where && where[0] ? where : "/tmp");
    if (bytes > 0 && (size_t)bytes < sizeof scratch->path && mkdtemp(scratch->path))
        return MF_OK;
    int error = (size_t)bytes < sizeof scratch->path ? errno : ENAMETOOLONG;
    scratch->path[0] = 0;
    return mf_why(why, mf_err_from_errno(error), "no folder in $TMPDIR: %s", strerror(error));
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat, (void)type, (void)walk;
    return remove(path);
}

void scratch_close(struct scratch *scratch)
{
    if (scratch->path[0])
        nftw(scratch->path, remove_one, REMOVE_DEPTH, FTW_DEPTH | FTW_PHYS);
    scratch->path[0] = 0;
}
