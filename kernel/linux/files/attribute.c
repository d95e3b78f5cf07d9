/*
 * attribute.c: system calls that change what is told of a file: permissions, owner, times; and
 * those that would bring it to a disk. Errors as in change.c. Owns nothing.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/utime.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"

#define NS_PER_S 1000000000ll
#define NS_PER_US 1000ll
#define SECONDS_MAX (INT64_MAX / NS_PER_S - 1)
#define TIME_NOW 0x3fffffff /* UTIME_NOW, UTIME_OMIT: utimensat(2) */
#define TIME_OMIT 0x3ffffffe
#define HERE ((uint64_t)AT_FDCWD)

static int refused(const struct filesystem *fs)
{
    return fs->read_only ? -EROFS : -EPERM;
}

/* What does not fit is as far away as can be told. */
static int64_t ns_of(int64_t seconds, int64_t rest_ns)
{
    if (seconds > SECONDS_MAX)
        seconds = SECONDS_MAX;
    return (seconds < -SECONDS_MAX ? -SECONDS_MAX : seconds) * NS_PER_S + rest_ns;
}

static int64_t set_mode(const struct place *place, uint64_t mode)
{
    return place->fs->set_mode ? place->fs->set_mode(place, (uint32_t)mode & 01777)
                               : refused(place->fs);
}

static int64_t mode_at(uint64_t folder_fd, uint64_t path, uint64_t mode)
{
    struct walked walked;
    int error = files_walk(folder_fd, path, 0, &walked);
    return error ? error : set_mode(&walked.place, mode);
}

int64_t linux_chmod(struct frame *frame)
{
    return mode_at(HERE, frame_argument(frame, 0), frame_argument(frame, 1));
}

int64_t linux_fchmodat(struct frame *frame)
{
    return mode_at(frame_argument(frame, 0), frame_argument(frame, 1), frame_argument(frame, 2));
}

int64_t linux_fchmod(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    return file->operations->place ? set_mode(file->operations->place(file),
                                              frame_argument(frame, 1))
                                   : 0;
}

/* To whom it belongs already, or to no other; only of what could be changed. */
static int64_t set_owner(const struct place *place, uint64_t user, uint64_t group)
{
    if (!place->fs->set_mode)
        return refused(place->fs);
    bool same = ((uint32_t)user == UINT32_MAX || (uint32_t)user == user_id.user) &&
                ((uint32_t)group == UINT32_MAX || (uint32_t)group == user_id.group);
    return same ? 0 : -EPERM;
}

static int64_t owner_at(uint64_t folder_fd, uint64_t path, uint64_t user, uint64_t group,
                        uint32_t flags)
{
    struct walked walked;
    struct file *file;
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = files_walk_at(folder_fd, path, flags, &walked, &file);
    if (error)
        return error;
    if (file && !file->operations->place)
        return 0;
    return set_owner(file ? file->operations->place(file) : &walked.place, user, group);
}

int64_t linux_chown(struct frame *frame)
{
    return owner_at(HERE, frame_argument(frame, 0), frame_argument(frame, 1),
                    frame_argument(frame, 2), 0);
}

int64_t linux_lchown(struct frame *frame)
{
    return owner_at(HERE, frame_argument(frame, 0), frame_argument(frame, 1),
                    frame_argument(frame, 2), AT_SYMLINK_NOFOLLOW);
}

int64_t linux_fchownat(struct frame *frame)
{
    return owner_at(frame_argument(frame, 0), frame_argument(frame, 1), frame_argument(frame, 2),
                    frame_argument(frame, 3), (uint32_t)frame_argument(frame, 4));
}

int64_t linux_fchown(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    return file->operations->place ? set_owner(file->operations->place(file),
                                               frame_argument(frame, 1), frame_argument(frame, 2))
                                   : 0;
}

/* Two times of a file, accessed and modified; of each, whether it is to be set. */
struct times {
    int64_t ns[2];
    bool set[2];
};

static int read_times(uint64_t address, struct times *times)
{
    struct timespec spec[2] = {{.tv_nsec = TIME_NOW}, {.tv_nsec = TIME_NOW}};
    int error = address ? user_read(spec, address, sizeof spec) : 0;
    for (unsigned i = 0; !error && i < 2; i++) {
        times->set[i] = spec[i].tv_nsec != TIME_OMIT;
        if (spec[i].tv_nsec == TIME_NOW)
            times->ns[i] = files_now_ns();
        else if (times->set[i] && (spec[i].tv_nsec < 0 || spec[i].tv_nsec >= NS_PER_S))
            error = -EINVAL;
        else
            times->ns[i] = ns_of(spec[i].tv_sec, spec[i].tv_nsec);
    }
    return error;
}

static int64_t set_times(const struct place *place, const struct times *times)
{
    if (!place->fs->set_times)
        return refused(place->fs);
    return place->fs->set_times(place, times->set[0] ? &times->ns[0] : NULL,
                                times->set[1] ? &times->ns[1] : NULL);
}

int64_t linux_utimensat(struct frame *frame)
{
    struct walked walked;
    struct file *file = NULL;
    struct times times;
    uint32_t flags = (uint32_t)frame_argument(frame, 3);
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = read_times(frame_argument(frame, 2), &times);
    if (error)
        return error;
    if (frame_argument(frame, 1)) {
        error = files_walk_at(frame_argument(frame, 0), frame_argument(frame, 1), flags, &walked,
                              &file);
        if (error)
            return error;
    } else {
        file = descriptor_file(frame_argument(frame, 0));
        if (!file)
            return -EBADF;
    }
    if (file && !file->operations->place)
        return 0;
    return set_times(file ? file->operations->place(file) : &walked.place, &times);
}

static int64_t times_at(uint64_t folder_fd, uint64_t path, const struct times *times)
{
    struct walked walked;
    int error = files_walk(folder_fd, path, 0, &walked);
    return error ? error : set_times(&walked.place, times);
}

int64_t linux_utime(struct frame *frame)
{
    struct utimbuf given;
    struct times times = {.set = {true, true}};
    if (frame_argument(frame, 1)) {
        int error = user_read(&given, frame_argument(frame, 1), sizeof given);
        if (error)
            return error;
        times.ns[0] = ns_of(given.actime, 0);
        times.ns[1] = ns_of(given.modtime, 0);
    } else {
        times.ns[0] = times.ns[1] = files_now_ns();
    }
    return times_at(HERE, frame_argument(frame, 0), &times);
}

static int64_t times_us_at(uint64_t folder_fd, uint64_t path, uint64_t address)
{
    struct timeval given[2];
    struct times times = {.set = {true, true}};
    times.ns[0] = times.ns[1] = files_now_ns();
    if (address) {
        int error = user_read(given, address, sizeof given);
        if (error)
            return error;
        for (unsigned i = 0; i < 2; i++) {
            if (given[i].tv_usec < 0 || given[i].tv_usec >= NS_PER_S / NS_PER_US)
                return -EINVAL;
            times.ns[i] = ns_of(given[i].tv_sec, given[i].tv_usec * NS_PER_US);
        }
    }
    return times_at(folder_fd, path, &times);
}

int64_t linux_utimes(struct frame *frame)
{
    return times_us_at(HERE, frame_argument(frame, 0), frame_argument(frame, 1));
}

int64_t linux_futimesat(struct frame *frame)
{
    return times_us_at(frame_argument(frame, 0), frame_argument(frame, 1),
                       frame_argument(frame, 2));
}

/* What there is in memory is as safe as it can be; of what has no places in it (pipes, sockets) Linux says that
 * it cannot be asked for. */
static int64_t synchronised(struct frame *frame, int refusal)
{
    const struct file *file = descriptor_file(frame_argument(frame, 0));
    return !file ? -EBADF : file->operations->positioned ? 0 : refusal;
}

int64_t linux_fsync(struct frame *frame)
{
    return synchronised(frame, -EINVAL);
}

int64_t linux_fdatasync(struct frame *frame)
{
    return synchronised(frame, -EINVAL);
}

int64_t linux_syncfs(struct frame *frame)
{
    return synchronised(frame, 0);
}

int64_t linux_sync_file_range(struct frame *frame)
{
    return synchronised(frame, -ESPIPE);
}

int64_t linux_fadvise64(struct frame *frame)
{
    return synchronised(frame, -ESPIPE);
}

int64_t linux_readahead(struct frame *frame)
{
    return synchronised(frame, -EINVAL);
}

int64_t linux_sync(struct frame *frame)
{
    (void)frame;
    return 0;
}

/* No file system here has extended attributes. */
#define NO_EXTENDED(name)                     \
    int64_t linux_##name(struct frame *frame) \
    {                                         \
        (void)frame;                          \
        return -EOPNOTSUPP;                   \
    }
NO_EXTENDED(getxattr)
NO_EXTENDED(lgetxattr)
NO_EXTENDED(fgetxattr)
NO_EXTENDED(listxattr)
NO_EXTENDED(llistxattr)
NO_EXTENDED(flistxattr)
NO_EXTENDED(setxattr)
NO_EXTENDED(lsetxattr)
NO_EXTENDED(fsetxattr)
NO_EXTENDED(removexattr)
NO_EXTENDED(lremovexattr)
NO_EXTENDED(fremovexattr)
