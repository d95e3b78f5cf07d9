/*
 * nonsense_files.c: see nonsense.h. Nobody of whom makes sense of what the others did meanwhile: pipes
 * lose their names while they are opened, folders go while they are watched, watches while they are read.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nonsense.h"

#define FDS 48

static uint64_t state;
static uint8_t *buffer;
static uint64_t buffer_bytes;

static uint64_t some(uint64_t most)
{
    return next(&state) % most;
}

static const char *path(void)
{
    static const char *const all[] = {"/tmp/a", "/tmp/b", "/tmp/d", "/tmp/d/a", "/tmp/d/b", "/tmp/d/e", "/tmp/p",
                                      "/tmp/d/p", "/tmp", "/run", "/", "/proc/self/task", "/proc/thread-self/comm",
                                      "/proc/self/maps", "/proc/self/fd/5", "/proc/self/fd/9", "/proc/thread-self"};
    return all[some(sizeof all / sizeof all[0])];
}

static int fd(void)
{
    return 3 + (int)some(FDS);
}

static long open_one(void)
{
    static const int more[] = {O_CREAT, O_TRUNC, O_EXCL | O_CREAT, O_APPEND, O_PATH, O_DIRECTORY, O_NOFOLLOW, O_TMPFILE};
    int flags = (int)some(4) | (some(8) ? O_NONBLOCK : 0);
    if (some(2))
        flags |= more[some(sizeof more / sizeof more[0])];
    return open(path(), flags, 0600);
}

static long change_names(void)
{
    switch (some(8)) {
    case 0:
        return mknod(path(), S_IFIFO | 0600, 0);
    case 1:
        return mkdir(path(), 0700);
    case 2:
        return unlink(path());
    case 3:
        return rmdir(path());
    case 4:
        return syscall(SYS_renameat2, AT_FDCWD, path(), AT_FDCWD, path(), some(4));
    case 5:
        return link(path(), path());
    case 6:
        return symlink(path(), path());
    default:
        return chmod(path(), (mode_t)some(01000));
    }
}

static long watch(void)
{
    switch (some(4)) {
    case 0:
        return inotify_init1(IN_NONBLOCK);
    case 1:
        return inotify_rm_watch(fd(), (int)some(20));
    default:
        return inotify_add_watch(fd(), path(), (uint32_t)(some(4) ? IN_ALL_EVENTS : next(&state)));
    }
}

static long use(void)
{
    struct epoll_event event = {.events = EPOLLIN | (some(2) ? EPOLLET : 0u)};
    struct pollfd many[3] = {{fd(), POLLIN, 0}, {fd(), POLLOUT, 0}, {fd(), POLLIN, 0}};
    int bytes;
    switch (some(12)) {
    case 0: case 1:
        return read(fd(), buffer, some(buffer_bytes));
    case 2: case 3:
        return write(fd(), buffer, some(9000));
    case 4:
        return poll(many, 3, 0);
    case 5:
        return epoll_ctl(fd(), (int)some(4), fd(), &event);
    case 6:
        return epoll_create1(0);
    case 7:
        return ioctl(fd(), FIONREAD, &bytes);
    case 8:
        return ftruncate(fd(), (off_t)some(70000));
    case 9:
        return dup2(fd(), fd());
    case 10:
        return syscall(SYS_getdents64, fd(), buffer, 300);
    default:
        return fcntl(fd(), F_SETPIPE_SZ, (int)some(1 << 17));
    }
}

/* A mapping more of a file, which may outlive its names and descriptors; or what is there goes. */
static void map(void)
{
    void *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd(), 0);
    if (at != MAP_FAILED && some(4))
        munmap(at, 8192);
}

void file_calls(uint64_t seed, unsigned count, uint8_t *memory, uint64_t bytes)
{
    state = seed;
    buffer = memory;
    buffer_bytes = bytes;
    for (unsigned i = 0; i < count; i++) {
        if (i % 16 == 0)
            set_wake();
        switch (some(16)) {
        case 0: case 1: case 2:
            (void)open_one();
            break;
        case 3: case 4: case 5: case 6:
            (void)change_names();
            break;
        case 7: case 8:
            (void)watch();
            break;
        case 9:
            map();
            break;
        case 10: case 11:
            close(fd());
            break;
        default:
            (void)use();
        }
    }
}
