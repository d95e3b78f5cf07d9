/* files.c: see files.h. Owns the path that was read last, and the mask of permissions. */
#include "kernel/linux/files/files.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/core/bss.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"
#include "kernel/linux/time.h"

#define PATH_PART_BYTES 64u
#define NS_PER_MS 1000000ull
#define DEVICE 0x0fu /* of files that have no place */
#define PERMISSIONS 01777u /* no set-id bits */

static char path_text[PATH_BYTES_MAX] BSS_LARGE;
static uint32_t mask = S_IWGRP | S_IWOTH;

/* Parts end where a page may, so that a path at the end of what is there can be read. */
int files_path(uint64_t address, const char **path)
{
    for (uint32_t bytes = 0; bytes < PATH_BYTES_MAX;) {
        uint64_t at = address + bytes;
        uint32_t part = PATH_PART_BYTES - (uint32_t)(at % PATH_PART_BYTES);
        if (part > PATH_BYTES_MAX - bytes)
            part = PATH_BYTES_MAX - bytes;
        if (user_read(path_text + bytes, at, part) != 0)
            return -EFAULT;
        for (uint32_t i = 0; i < part; i++)
            if (path_text[bytes + i] == 0) {
                *path = path_text;
                return 0;
            }
        bytes += part;
    }
    return -ENAMETOOLONG;
}

/* Where a path begins that is not absolute. */
static int start_of(uint64_t folder_fd, const char *path, struct place *from)
{
    *from = walk_here();
    if (*path == '/' || (int32_t)folder_fd == AT_FDCWD)
        return 0;
    struct file *file = descriptor_any(folder_fd);
    if (!file)
        return -EBADF;
    if (!file->operations->list || !file->operations->place)
        return -ENOTDIR;
    *from = *file->operations->place(file);
    return 0;
}

static int walk_text(uint64_t folder_fd, const char *path, uint32_t how, struct walked *walked)
{
    struct place from;
    if (*path == 0)
        return -ENOENT;
    int error = start_of(folder_fd, path, &from);
    return error ? error : walk(&from, path, how, walked);
}

int files_walk(uint64_t folder_fd, uint64_t path_at, uint32_t how, struct walked *walked)
{
    const char *path;
    int error = files_path(path_at, &path);
    return error ? error : walk_text(folder_fd, path, how, walked);
}

int files_walk_at(uint64_t folder_fd, uint64_t path_at, uint32_t flags, struct walked *walked,
                  struct file **file)
{
    const char *path = "";
    int error = path_at || !(flags & AT_EMPTY_PATH) ? files_path(path_at, &path) : 0;
    *file = NULL;
    if (error)
        return error;
    if (*path || !(flags & AT_EMPTY_PATH))
        return walk_text(folder_fd, path, flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0, walked);
    if ((int32_t)folder_fd == AT_FDCWD) {
        *walked = (struct walked){.place = walk_here()};
        return 0;
    }
    *file = descriptor_any(folder_fd);
    return *file ? 0 : -EBADF;
}

uint32_t files_mode(uint64_t mode)
{
    return (uint32_t)mode & PERMISSIONS & ~mask;
}

int64_t linux_umask(struct frame *frame)
{
    uint32_t before = mask;
    mask = (uint32_t)frame_argument(frame, 0) & 0777;
    return before;
}

int files_stat(struct file *file, struct file_stat *stat)
{
    *stat = (struct file_stat){0};
    if (file->operations->stat)
        return file->operations->stat(file, stat);
    *stat = (struct file_stat){.device = DEVICE,
                               .number = file->number,
                               .mode = S_IFIFO | S_IRUSR | S_IWUSR,
                               .links = 1,
                               .user = user_id.user,
                               .group = user_id.group,
                               .block_bytes = MF_PAGE_BYTES};
    return 0;
}

int64_t files_now_ns(void)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    return (int64_t)realtime;
}

uint64_t files_deadline_in(uint64_t ns)
{
    uint64_t now_ns;
    if (ns == 0)
        return 0;
    if (ns >= TIME_NEVER_NS)
        return WAIT_FOR_EVER;
    now_ns = time_monotonic();
    return now_ns + ns;
}

uint64_t files_deadline_ms(int32_t timeout_ms)
{
    return timeout_ms < 0 ? WAIT_FOR_EVER : files_deadline_in((uint32_t)timeout_ms * NS_PER_MS);
}

int files_deadline(uint64_t timespec, uint64_t *deadline_ns)
{
    uint64_t ns = TIME_NEVER_NS;
    int error = timespec ? time_read(timespec, &ns) : 0;
    if (!error)
        *deadline_ns = files_deadline_in(ns);
    return error;
}
