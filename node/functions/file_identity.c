/* file_identity.c: see file_identity.h, inode(7). */
#include "node/functions/file_identity.h"

#include <sys/stat.h>

#include "base/clock.h"

static int64_t ns_of(const struct timespec *time)
{
    return (int64_t)time->tv_sec * (int64_t)MF_NS_PER_S + time->tv_nsec;
}

void file_identify(const struct stat *stat, struct file_identity *identity)
{
    *identity = (struct file_identity){.device = stat->st_dev,
                                       .inode = stat->st_ino,
                                       .bytes = stat->st_size,
                                       .written_ns = ns_of(&stat->st_mtim),
                                       .changed_ns = ns_of(&stat->st_ctim)};
}

bool file_is_same(const struct file_identity *a, const struct file_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->written_ns == b->written_ns && a->changed_ns == b->changed_ns;
}
