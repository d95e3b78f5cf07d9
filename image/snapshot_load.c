/*
 * snapshot_load.c: a whole snapshot file into memory (snapshot.h).
 * Guarantees: it is read, not mapped, so that a file cut short meanwhile is an error and
 * not a signal; memory is touched only where the file has content.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/snapshot.h"

static mf_err read_at(int fd, uint8_t *to, uint64_t bytes, uint64_t offset, struct mf_why *why)
{
    while (bytes) {
        ssize_t got = pread(fd, to, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mf_why(why, mf_err_from_errno(errno), "snapshot: %s", strerror(errno));
        if (got == 0)
            return mf_why(why, MF_EFORMAT, "snapshot: cut off while it was read");
        to += got;
        bytes -= (uint64_t)got;
        offset += (uint64_t)got;
    }
    return MF_OK;
}

/* At the offsets that it has in the file. */
static mf_err read_all(int fd, struct snapshot_copy *copy, struct mf_why *why)
{
    const struct snapshot *snapshot = &copy->snapshot;
    uint64_t head = copy->bytes < MF_SNAPSHOT_HEAD_BYTES_MAX ? copy->bytes
                                                             : MF_SNAPSHOT_HEAD_BYTES_MAX;
    mf_err err = read_at(fd, copy->data, head, 0, why);
    if (!err)
        err = snapshot_parse(copy->data, head, copy->bytes, &copy->snapshot, why);
    for (uint32_t i = 0; !err && i < snapshot->head->run_count; i++) {
        uint64_t at = (uint64_t)snapshot->runs[i].page * MF_PAGE_BYTES;
        err = read_at(fd, copy->data + at, (uint64_t)snapshot->runs[i].pages * MF_PAGE_BYTES, at,
                      why);
    }
    return err;
}

mf_err snapshot_load(int fd, struct snapshot_copy *copy, struct mf_why *why)
{
    struct stat stat;
    *copy = (struct snapshot_copy){0};
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size <= 0 ||
        (uint64_t)stat.st_size > MF_WINDOW_MAX)
        return mf_why(why, MF_EFORMAT, "snapshot: not a file of 1 to %llu bytes",
                      (unsigned long long)MF_WINDOW_MAX);
    void *data = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return mf_why(why, MF_ENOMEM, "snapshot: no memory to read it");
    copy->data = data;
    copy->bytes = (uint64_t)stat.st_size;
    mf_err err = read_all(fd, copy, why);
    if (err)
        snapshot_unload(copy);
    return err;
}

bool snapshot_holds(const struct snapshot_copy *copy)
{
    uint8_t digest[MF_SNAPSHOT_HASH_BYTES];
    snapshot_digest(&copy->snapshot, copy->data, digest);
    return memcmp(digest, copy->snapshot.head->digest, sizeof digest) == 0;
}

void snapshot_unload(struct snapshot_copy *copy)
{
    if (copy->data)
        (void)munmap(copy->data, copy->bytes);
    *copy = (struct snapshot_copy){0};
}
