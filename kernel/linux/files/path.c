/*
 * path.c: system calls that open files, and that say where they are.
 * Leaves to others: the way to a file (fs/walk.c), what it holds. Owns nothing.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "kernel/core/bss.h"
#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/fs/fifo.h"
#include "kernel/fs/made.h"
#include "kernel/fs/open.h"
#include "kernel/fs/tmp.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"

/* Flags that are about the opening, not the file. */
#define OPENING (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)
#define LARGE_FILE 0100000u /* O_LARGEFILE, which a 64-bit Linux always sets */

static char found_path[PATH_BYTES_MAX] BSS_LARGE;

static bool writes(uint32_t flags)
{
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* What stands at the path, if it may be opened so. */
static int check_found(const struct walked *walked, uint32_t flags)
{
    uint32_t type = place_type(&walked->place);
    if (flags & O_CREAT && flags & O_EXCL)
        return -EEXIST;
    if (flags & O_DIRECTORY && type != S_IFDIR)
        return -ENOTDIR;
    if (flags & O_PATH)
        return 0;
    if (type == S_IFLNK)
        return -ELOOP;
    if (type == S_IFSOCK)
        return -ENXIO;
    if (type == S_IFDIR && (writes(flags) || flags & O_CREAT))
        return -EISDIR;
    if (type == S_IFREG && writes(flags) && walked->place.fs->read_only)
        return -EROFS;
    return 0;
}

static int make_file(struct walked *walked, uint64_t mode)
{
    const struct filesystem *fs = walked->folder.fs;
    if (walked->folder_only)
        return -EISDIR;
    if (!fs->make)
        return fs->read_only ? -EROFS : -EACCES;
    return fs->make(&walked->folder, (struct name){walked->name, walked->name_bytes},
                    S_IFREG | files_mode(mode), NULL, &walked->place);
}

/* Of an open of a named pipe that waits for the other end. */
struct opening {
    struct file *file;
    bool close_on_exec;
};

static void end_opening(void *state)
{
    const struct opening *opening = state;
    if (opening->file)
        file_put(opening->file);
}

static struct opening *opening_now(void)
{
    return call_state(sizeof(struct opening), end_opening);
}

static int64_t go_on(struct opening *opening)
{
    struct file *file = opening->file;
    int64_t waits = fifo_wait(file);
    if (waits)
        return waits;
    opening->file = NULL;
    return descriptor_add(file, opening->close_on_exec, 0);
}

/* A descriptor of what was found or made. */
static int64_t open_walked(const struct walked *walked, uint32_t flags)
{
    struct file *file;
    uint32_t fd;
    if (!(flags & O_PATH) && made_descriptor(&walked->place, &fd)) {
        file = descriptor_file(fd); /* a pipe or its like: the same one again */
        return file ? descriptor_add(file_get(file), flags & O_CLOEXEC, 0) : -ENXIO;
    }
    uint32_t kept = flags & O_PATH ? flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)
                                   : (flags & ~(uint32_t)OPENING) | LARGE_FILE;
    int error = open_place(&walked->place, &walked->folder,
                           (struct name){walked->name, walked->name_bytes}, kept, &file);
    if (!error && flags & O_TRUNC && writes(flags) && walked->place.fs->resize &&
        place_type(&walked->place) == S_IFREG)
        error = (int)file->operations->resize(file, 0);
    if (error)
        return error;
    struct opening *opening = opening_now();
    *opening = (struct opening){file, flags & O_CLOEXEC};
    return go_on(opening);
}

/* A file without a name, in a folder where one could be made. */
static int64_t open_nameless(struct walked *walked, uint32_t flags, uint64_t mode)
{
    if (place_type(&walked->place) != S_IFDIR)
        return -ENOTDIR;
    if (!writes(flags))
        return -EINVAL;
    if (!tmp_is(&walked->place))
        return walked->place.fs->read_only ? -EROFS : -EOPNOTSUPP;
    walked->folder = walked->place;
    walked->name_bytes = 0;
    int error = tmp_make_nameless(S_IFREG | files_mode(mode), &walked->place);
    return error ? error : open_walked(walked, flags & ~(uint32_t)O_TMPFILE);
}

static int64_t open_at(uint64_t folder_fd, uint64_t path, uint32_t flags, uint64_t mode)
{
    struct walked walked;
    bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
    bool makes = flags & O_CREAT && !nameless && !(flags & O_PATH);
    uint32_t how = (flags & O_NOFOLLOW || (makes && flags & O_EXCL) ? WALK_NOFOLLOW : 0) |
                   (makes ? WALK_MAKE : 0);
    if (makes && flags & O_DIRECTORY)
        return -EINVAL;
    if (opening_now()->file)
        return go_on(opening_now());
    int error = files_walk(folder_fd, path, how, &walked);
    if (error)
        return error;
    if (nameless)
        return open_nameless(&walked, flags, mode);
    if (!makes)
        flags &= ~(uint32_t)(O_CREAT | O_EXCL);
    if (walked.place.fs) {
        error = check_found(&walked, flags);
    } else {
        error = make_file(&walked, mode);
        flags &= ~(uint32_t)O_TRUNC; /* of what is empty */
    }
    return error ? error : open_walked(&walked, flags);
}

int64_t linux_open(struct frame *frame)
{
    return open_at((uint64_t)AT_FDCWD, frame_argument(frame, 0),
                   (uint32_t)frame_argument(frame, 1), frame_argument(frame, 2));
}

int64_t linux_creat(struct frame *frame)
{
    return open_at((uint64_t)AT_FDCWD, frame_argument(frame, 0), O_CREAT | O_WRONLY | O_TRUNC,
                   frame_argument(frame, 1));
}

int64_t linux_openat(struct frame *frame)
{
    return open_at(frame_argument(frame, 0), frame_argument(frame, 1),
                   (uint32_t)frame_argument(frame, 2), frame_argument(frame, 3));
}

int64_t linux_openat2(struct frame *frame)
{
    struct open_how how;
    if (frame_argument(frame, 3) != sizeof how)
        return -EINVAL;
    int error = user_read(&how, frame_argument(frame, 2), sizeof how);
    if (error)
        return error;
    if (how.flags > UINT32_MAX || how.resolve & ~(uint64_t)RESOLVE_NO_MAGICLINKS)
        return -EINVAL;
    return open_at(frame_argument(frame, 0), frame_argument(frame, 1), (uint32_t)how.flags,
                   how.mode);
}

int64_t linux_memfd_create(struct frame *frame)
{
    const char *name;
    struct walked walked = {.folder = tmp_root(TMP_SHM)};
    uint32_t flags = (uint32_t)frame_argument(frame, 1);
    if (flags & ~(uint32_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    int error = files_path(frame_argument(frame, 0), &name);
    if (!error)
        error = tmp_make_nameless(S_IFREG | 0777, &walked.place);
    return error ? error
                 : open_walked(&walked, O_RDWR | (flags & MFD_CLOEXEC ? O_CLOEXEC : 0u));
}

static int64_t read_link(uint64_t folder_fd, uint64_t path, uint64_t to, uint64_t room)
{
    struct walked walked;
    struct file *file;
    if ((int32_t)room <= 0)
        return -EINVAL;
    int error =
        files_walk_at(folder_fd, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &walked, &file);
    if (error)
        return error;
    const struct place *place = &walked.place;
    if (file)
        place = file->operations->place ? file->operations->place(file) : NULL;
    if (!place || place_type(place) != S_IFLNK)
        return file ? -ENOENT : -EINVAL;
    int64_t bytes = place->fs->target(place, found_path);
    if (bytes > (int32_t)room)
        bytes = (int32_t)room;
    error = bytes > 0 ? user_write(to, found_path, (size_t)bytes) : 0;
    return error ? error : bytes;
}

int64_t linux_readlink(struct frame *frame)
{
    return read_link((uint64_t)AT_FDCWD, frame_argument(frame, 0), frame_argument(frame, 1),
                     frame_argument(frame, 2));
}

int64_t linux_readlinkat(struct frame *frame)
{
    return read_link(frame_argument(frame, 0), frame_argument(frame, 1),
                     frame_argument(frame, 2), frame_argument(frame, 3));
}

int64_t linux_getcwd(struct frame *frame)
{
    const struct place here = walk_here();
    int64_t bytes = walk_path(&here, (struct name){0}, found_path);
    if (bytes < 0)
        return bytes;
    if (frame_argument(frame, 1) < (uint64_t)bytes)
        return -ERANGE;
    int error = user_write(frame_argument(frame, 0), found_path, (size_t)bytes);
    return error ? error : bytes;
}

static int64_t go(const struct place *place)
{
    if (place_type(place) != S_IFDIR)
        return -ENOTDIR;
    walk_go(place);
    return 0;
}

int64_t linux_chdir(struct frame *frame)
{
    struct walked walked;
    int error = files_walk((uint64_t)AT_FDCWD, frame_argument(frame, 0), 0, &walked);
    return error ? error : go(&walked.place);
}

int64_t linux_fchdir(struct frame *frame)
{
    struct file *file = descriptor_any(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    return file->operations->place ? go(file->operations->place(file)) : -ENOTDIR;
}

int64_t linux_getdents64(struct frame *frame)
{
    struct io io;
    struct file *file = descriptor_file(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    if (!file->operations->list)
        return -ENOTDIR;
    int error = io_buffer(&io, frame_argument(frame, 1), (uint32_t)frame_argument(frame, 2));
    return error ? error : file->operations->list(file, &io);
}
