/*
 * change.c: system calls that change what is in a folder, and how long a file is.
 * Guarantees: of a file system that cannot be changed: EROFS; of what the kernel makes: EPERM.
 * Owns nothing.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"

#define HERE ((uint64_t)AT_FDCWD)

static int refused(const struct filesystem *fs)
{
    return fs->read_only ? -EROFS : -EPERM;
}

static struct name name_of(const struct walked *walked)
{
    return (struct name){walked->name, walked->name_bytes};
}

int files_make(const struct walked *walked, uint32_t mode, const char *target, struct place *made)
{
    if (walked->place.fs || walked->name_bytes == 0)
        return -EEXIST;
    if ((mode & S_IFMT) != S_IFDIR && walked->folder_only)
        return -ENOENT;
    if (!walked->folder.fs->make)
        return refused(walked->folder.fs);
    if (target && *target == 0)
        return -ENOENT;
    return walked->folder.fs->make(&walked->folder, name_of(walked), mode, target, made);
}

static int64_t make_at(uint64_t folder_fd, uint64_t path, uint32_t mode, uint64_t target_at)
{
    struct walked walked;
    struct place made;
    const char *target = NULL;
    int error = files_walk(folder_fd, path, WALK_MAKE | WALK_NOFOLLOW, &walked);
    if (!error && target_at)
        error = files_path(target_at, &target);
    return error ? error : files_make(&walked, mode, target, &made);
}

int64_t linux_mkdir(struct frame *frame)
{
    return make_at(HERE, frame_argument(frame, 0), S_IFDIR | files_mode(frame_argument(frame, 1)),
                   0);
}

int64_t linux_mkdirat(struct frame *frame)
{
    return make_at(frame_argument(frame, 0), frame_argument(frame, 1),
                   S_IFDIR | files_mode(frame_argument(frame, 2)), 0);
}

int64_t linux_symlink(struct frame *frame)
{
    uint64_t target = frame_argument(frame, 0);
    return target ? make_at(HERE, frame_argument(frame, 1), S_IFLNK | 0777, target) : -EFAULT;
}

int64_t linux_symlinkat(struct frame *frame)
{
    uint64_t target = frame_argument(frame, 0);
    return target ? make_at(frame_argument(frame, 1), frame_argument(frame, 2), S_IFLNK | 0777,
                            target)
                  : -EFAULT;
}

/* There are no devices. A socket's file that no socket has made refuses who connects. */
static int64_t make_node(uint64_t folder_fd, uint64_t path, uint64_t mode)
{
    const uint32_t type = mode & S_IFMT ? (uint32_t)mode & S_IFMT : S_IFREG;
    if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK)
        return -EPERM;
    return make_at(folder_fd, path, type | files_mode(mode), 0);
}

int64_t linux_mknod(struct frame *frame)
{
    return make_node(HERE, frame_argument(frame, 0), frame_argument(frame, 1));
}

int64_t linux_mknodat(struct frame *frame)
{
    return make_node(frame_argument(frame, 0), frame_argument(frame, 1), frame_argument(frame, 2));
}

static int64_t remove_at(uint64_t folder_fd, uint64_t path, bool folder)
{
    struct walked walked;
    int error = files_walk(folder_fd, path, WALK_NOFOLLOW, &walked);
    if (error)
        return error;
    if (walked.name_bytes == 0) /* as rmdir(2) has them: "/", ".", ".." */
        return !folder ? -EISDIR : !walked.name[0] ? -EBUSY : !walked.name[1] ? -EINVAL : -ENOTEMPTY;
    if (walked.folder_only && !folder)
        return -EISDIR;
    if (walked.place.fs != walked.folder.fs)
        return -EBUSY; /* another file system begins there */
    if (!walked.folder.fs->remove)
        return refused(walked.folder.fs);
    return walked.folder.fs->remove(&walked.folder, name_of(&walked), folder);
}

int64_t linux_unlink(struct frame *frame)
{
    return remove_at(HERE, frame_argument(frame, 0), false);
}

int64_t linux_rmdir(struct frame *frame)
{
    return remove_at(HERE, frame_argument(frame, 0), true);
}

int64_t linux_unlinkat(struct frame *frame)
{
    uint64_t flags = (uint32_t)frame_argument(frame, 2);
    if (flags & ~(uint64_t)AT_REMOVEDIR)
        return -EINVAL;
    return remove_at(frame_argument(frame, 0), frame_argument(frame, 1), flags & AT_REMOVEDIR);
}

static int64_t rename_at(uint64_t from_fd, uint64_t from_path, uint64_t to_fd, uint64_t to_path,
                         uint32_t flags)
{
    struct walked from, to;
    if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    int error = files_walk(from_fd, from_path, WALK_NOFOLLOW, &from);
    if (!error)
        error = files_walk(to_fd, to_path, WALK_MAKE | WALK_NOFOLLOW, &to);
    if (error)
        return error;
    if (from.name_bytes == 0 || to.name_bytes == 0)
        return -EBUSY;
    if (from.folder.fs != to.folder.fs || from.place.fs != from.folder.fs)
        return -EXDEV;
    if (!from.folder.fs->rename)
        return refused(from.folder.fs);
    if (to.folder_only && place_type(&from.place) != S_IFDIR)
        return -ENOTDIR;
    return from.folder.fs->rename(&from.folder, name_of(&from), &to.folder, name_of(&to), flags);
}

int64_t linux_rename(struct frame *frame)
{
    return rename_at(HERE, frame_argument(frame, 0), HERE, frame_argument(frame, 1), 0);
}

int64_t linux_renameat(struct frame *frame)
{
    return rename_at(frame_argument(frame, 0), frame_argument(frame, 1), frame_argument(frame, 2),
                     frame_argument(frame, 3), 0);
}

int64_t linux_renameat2(struct frame *frame)
{
    return rename_at(frame_argument(frame, 0), frame_argument(frame, 1), frame_argument(frame, 2),
                     frame_argument(frame, 3), (uint32_t)frame_argument(frame, 4));
}

static int64_t link_at(uint64_t from_fd, uint64_t from_path, uint64_t to_fd, uint64_t to_path,
                       uint32_t flags)
{
    struct walked from, to;
    struct file *file;
    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = files_walk_at(from_fd, from_path,
                              (flags & AT_EMPTY_PATH) |
                                  (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW),
                              &from, &file);
    if (!error)
        error = files_walk(to_fd, to_path, WALK_MAKE | WALK_NOFOLLOW, &to);
    if (error)
        return error;
    if (file && !file->operations->place)
        return -EXDEV;
    const struct place place = file ? *file->operations->place(file) : from.place;
    if (to.place.fs || to.name_bytes == 0)
        return -EEXIST;
    if (place.fs != to.folder.fs)
        return -EXDEV;
    return place.fs->link ? place.fs->link(&place, &to.folder, name_of(&to)) : refused(place.fs);
}

int64_t linux_link(struct frame *frame)
{
    return link_at(HERE, frame_argument(frame, 0), HERE, frame_argument(frame, 1), 0);
}

int64_t linux_linkat(struct frame *frame)
{
    return link_at(frame_argument(frame, 0), frame_argument(frame, 1), frame_argument(frame, 2),
                   frame_argument(frame, 3), (uint32_t)frame_argument(frame, 4));
}

int64_t linux_truncate(struct frame *frame)
{
    struct walked walked;
    if ((int64_t)frame_argument(frame, 1) < 0)
        return -EINVAL;
    int error = files_walk(HERE, frame_argument(frame, 0), 0, &walked);
    if (error)
        return error;
    uint32_t type = place_type(&walked.place);
    if (type != S_IFREG)
        return type == S_IFDIR ? -EISDIR : -EINVAL;
    return walked.place.fs->resize ? walked.place.fs->resize(&walked.place, frame_argument(frame, 1))
                                   : refused(walked.place.fs);
}

int64_t linux_ftruncate(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    if ((int64_t)frame_argument(frame, 1) < 0 || !file_may_write(file) ||
        !file->operations->resize)
        return -EINVAL;
    return file->operations->resize(file, frame_argument(frame, 1));
}

int64_t linux_fallocate(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    int64_t offset = (int64_t)frame_argument(frame, 2), bytes = (int64_t)frame_argument(frame, 3);
    uint32_t mode = (uint32_t)frame_argument(frame, 1);
    struct file_stat stat;
    if (!file || !file_may_write(file))
        return -EBADF;
    if (offset < 0 || bytes <= 0)
        return -EINVAL;
    if (mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE)
        return -EOPNOTSUPP;
    if (!file->operations->resize)
        return file->operations->positioned ? -ENODEV : -ESPIPE;
    int error = files_stat(file, &stat);
    if (error)
        return error;
    if (bytes > INT64_MAX - offset)
        return -EFBIG;
    if (mode & FALLOC_FL_KEEP_SIZE || (uint64_t)(offset + bytes) <= stat.bytes)
        return 0;
    return file->operations->resize(file, (uint64_t)(offset + bytes));
}
