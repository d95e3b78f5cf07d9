/* stat.c: system calls that ask what a file is. Owns nothing. */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"

#define NS_PER_S 1000000000ll
#define ACCESS_WRITE 2u /* W_OK of access(2) */
#define ACCESS_EXECUTE 1u
#define ACCESS_ALL 7u
#define ANONYMOUS_MAGIC 0x09041934u /* statfs(2): ANON_INODE_FS_MAGIC */
#define BLOCK_BYTES 4096u

static int stat_walked(const struct walked *walked, struct file *file, struct file_stat *stat)
{
    *stat = (struct file_stat){0};
    return file ? files_stat(file, stat) : walked->place.fs->stat(&walked->place, stat);
}

static int64_t tell(const struct file_stat *from, uint64_t to)
{
    const struct stat stat = {
        .st_dev = from->device,
        .st_ino = from->number,
        .st_nlink = from->links,
        .st_mode = from->mode,
        .st_uid = from->user,
        .st_gid = from->group,
        .st_rdev = from->device_number,
        .st_size = (int64_t)from->bytes,
        .st_blksize = from->block_bytes,
        .st_blocks = (int64_t)from->blocks,
        .st_atime = (uint64_t)(from->accessed_ns / NS_PER_S),
        .st_atime_nsec = (uint64_t)(from->accessed_ns % NS_PER_S),
        .st_mtime = (uint64_t)(from->modified_ns / NS_PER_S),
        .st_mtime_nsec = (uint64_t)(from->modified_ns % NS_PER_S),
        .st_ctime = (uint64_t)(from->changed_ns / NS_PER_S),
        .st_ctime_nsec = (uint64_t)(from->changed_ns % NS_PER_S),
    };
    return user_write(to, &stat, sizeof stat);
}

static int64_t stat_at(uint64_t folder_fd, uint64_t path, uint32_t flags, uint64_t to)
{
    struct walked walked;
    struct file *file;
    struct file_stat stat;
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
        return -EINVAL;
    int error = files_walk_at(folder_fd, path, flags, &walked, &file);
    if (!error)
        error = stat_walked(&walked, file, &stat);
    return error ? error : tell(&stat, to);
}

int64_t linux_stat(struct frame *frame)
{
    return stat_at((uint64_t)AT_FDCWD, frame_argument(frame, 0), 0, frame_argument(frame, 1));
}

int64_t linux_lstat(struct frame *frame)
{
    return stat_at((uint64_t)AT_FDCWD, frame_argument(frame, 0), AT_SYMLINK_NOFOLLOW,
                   frame_argument(frame, 1));
}

int64_t linux_newfstatat(struct frame *frame)
{
    return stat_at(frame_argument(frame, 0), frame_argument(frame, 1),
                   (uint32_t)frame_argument(frame, 3), frame_argument(frame, 2));
}

int64_t linux_fstat(struct frame *frame)
{
    struct file *file = descriptor_any(frame_argument(frame, 0));
    struct file_stat stat;
    int error = file ? files_stat(file, &stat) : -EBADF;
    return error ? error : tell(&stat, frame_argument(frame, 1));
}

static struct statx_timestamp time_of(int64_t ns)
{
    return (struct statx_timestamp){.tv_sec = ns / NS_PER_S, .tv_nsec = (uint32_t)(ns % NS_PER_S)};
}

int64_t linux_statx(struct frame *frame)
{
    struct walked walked;
    struct file *file;
    struct file_stat from;
    uint32_t flags = (uint32_t)frame_argument(frame, 2);
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT |
                            AT_STATX_SYNC_TYPE) ||
        frame_argument(frame, 3) & STATX__RESERVED)
        return -EINVAL;
    int error = files_walk_at(frame_argument(frame, 0), frame_argument(frame, 1), flags, &walked,
                              &file);
    if (!error)
        error = stat_walked(&walked, file, &from);
    if (error)
        return error;
    const struct statx stat = {
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = from.block_bytes,
        .stx_nlink = from.links,
        .stx_uid = from.user,
        .stx_gid = from.group,
        .stx_mode = (uint16_t)from.mode,
        .stx_ino = from.number,
        .stx_size = from.bytes,
        .stx_blocks = from.blocks,
        .stx_atime = time_of(from.accessed_ns),
        .stx_mtime = time_of(from.modified_ns),
        .stx_ctime = time_of(from.changed_ns),
        .stx_rdev_major = (uint32_t)(from.device_number >> 8),
        .stx_rdev_minor = (uint32_t)(from.device_number & 0xff),
        .stx_dev_minor = (uint32_t)from.device,
    };
    return user_write(frame_argument(frame, 4), &stat, sizeof stat);
}

/* Permissions stop nobody here (fs/walk.c), but what cannot be done is told. */
static int64_t access_at(uint64_t folder_fd, uint64_t path, uint32_t mode, uint32_t flags)
{
    struct walked walked;
    struct file *file;
    struct file_stat stat;
    if (mode & ~ACCESS_ALL || flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS))
        return -EINVAL;
    int error = files_walk_at(folder_fd, path, flags, &walked, &file);
    if (!error)
        error = stat_walked(&walked, file, &stat);
    if (error)
        return error;
    uint32_t type = stat.mode & S_IFMT;
    if (mode & ACCESS_WRITE && !file && walked.place.fs->read_only &&
        (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
        return -EROFS;
    if (mode & ACCESS_WRITE && !(stat.mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
        return -EACCES;
    if (mode & ACCESS_EXECUTE && type == S_IFREG && !(stat.mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
        return -EACCES;
    return 0;
}

int64_t linux_access(struct frame *frame)
{
    return access_at((uint64_t)AT_FDCWD, frame_argument(frame, 0),
                     (uint32_t)frame_argument(frame, 1), 0);
}

int64_t linux_faccessat(struct frame *frame)
{
    return access_at(frame_argument(frame, 0), frame_argument(frame, 1),
                     (uint32_t)frame_argument(frame, 2), 0);
}

int64_t linux_faccessat2(struct frame *frame)
{
    return access_at(frame_argument(frame, 0), frame_argument(frame, 1),
                     (uint32_t)frame_argument(frame, 2), (uint32_t)frame_argument(frame, 3));
}

static int64_t tell_filesystem(const struct filesystem *fs, uint64_t to)
{
    uint64_t used = 0, total = 0;
    if (fs && fs->usage)
        fs->usage(&used, &total);
    const struct statfs stat = {
        .f_type = fs ? fs->magic : ANONYMOUS_MAGIC,
        .f_bsize = BLOCK_BYTES,
        .f_frsize = BLOCK_BYTES,
        .f_blocks = (int64_t)(total / BLOCK_BYTES),
        .f_bfree = (int64_t)((total - used) / BLOCK_BYTES),
        .f_bavail = (int64_t)((total - used) / BLOCK_BYTES),
        .f_namelen = NAME_BYTES_MAX,
        .f_flags = fs && fs->read_only ? 0x21 : 0x20, /* ST_RDONLY; ST_VALID */
    };
    return user_write(to, &stat, sizeof stat);
}

int64_t linux_statfs(struct frame *frame)
{
    struct walked walked;
    int error = files_walk((uint64_t)AT_FDCWD, frame_argument(frame, 0), 0, &walked);
    return error ? error : tell_filesystem(walked.place.fs, frame_argument(frame, 1));
}

int64_t linux_fstatfs(struct frame *frame)
{
    struct file *file = descriptor_any(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    return tell_filesystem(file->operations->place ? file->operations->place(file)->fs : NULL,
                           frame_argument(frame, 1));
}
