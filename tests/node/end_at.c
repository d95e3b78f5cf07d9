/*
 * end_at.c: preloaded into a node, ends it as SIGKILL does before its Nth call of fsync, renameat or
 * unlinkat. N is what the file MF_END_AT holds; none: never. So a test can have it die at each step
 * of what changes its state directory.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_int left = -1; /* -1: not armed */

/* Armed when the file appears; it is read once and removed. */
static void count_down(void)
{
    const char *path = getenv("MF_END_AT");
    char text[16] = "";
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        ssize_t got = read(fd, text, sizeof text - 1);
        (void)close(fd);
        (void)unlink(path);
        if (got > 0)
            atomic_store(&left, atoi(text));
    }
    if (atomic_load(&left) >= 0 && atomic_fetch_sub(&left, 1) == 0)
        (void)kill(getpid(), SIGKILL);
}

/* dlsym() gives functions as data; POSIX says how they become functions again. */
static void *next_of(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int fsync(int fd)
{
    int (*next)(int);
    *(void **)&next = next_of("fsync");
    count_down();
    return next(fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    int (*next)(int, const char *, int, const char *);
    *(void **)&next = next_of("renameat");
    count_down();
    return next(from_fd, from, to_fd, to);
}

int unlinkat(int fd, const char *name, int flags)
{
    int (*next)(int, const char *, int);
    *(void **)&next = next_of("unlinkat");
    count_down();
    return next(fd, name, flags);
}
