/* watches.c: inotify: what is told of files and folders under /tmp, to whom, and in which order. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static char buffer[1 << 16] __attribute__((aligned(16)));
static int events;

static void print_mask(uint32_t mask)
{
    static const char *const name[] = {"access", "modify", "attrib", "close_write", "close_nowrite",
                                       "open", "moved_from", "moved_to", "create", "delete",
                                       "delete_self", "move_self", NULL, "unmount", "overflow", "ignored"};
    for (unsigned i = 0; i < sizeof name / sizeof name[0]; i++)
        if (mask & 1u << i)
            printf(" %s", name[i]);
    if (mask & IN_ISDIR)
        printf(" folder");
}

/* All that there is to read, a line each; of cookies only whether two in a row have the same. */
static void hear(const char *what)
{
    uint32_t cookie = 0;
    ssize_t bytes;
    printf("-- %s\n", what);
    while ((bytes = read(events, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < bytes;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            printf("%d:", event->wd);
            print_mask(event->mask);
            if (event->len)
                printf(" %s (%u)", event->name, event->len);
            if (event->cookie)
                printf(event->cookie == cookie ? " the same" : " a cookie");
            cookie = event->cookie;
            printf("\n");
            at += (ssize_t)sizeof *event + event->len;
        }
    if (bytes < 0 && errno != EAGAIN)
        printf("%s\n", strerror(errno));
}

static int watch(const char *path, uint32_t mask)
{
    int number = inotify_add_watch(events, path, mask);
    printf("watch %s: %d %s\n", path, number, number < 0 ? strerror(errno) : "");
    return number;
}

static int touch(const char *path)
{
    return close(open(path, O_WRONLY | O_CREAT, 0600));
}

static void arguments(void)
{
    SAY(inotify_init1(1));
    SAY(inotify_init1(-1));
    events = inotify_init();
    SAY(fcntl(events, F_GETFL));
    SAY(fcntl(events, F_GETFD));
    close(events);
    events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    SAY(fcntl(events, F_GETFL));
    SAY(fcntl(events, F_GETFD));
    SAY(read(events, buffer, sizeof buffer));
    SAY(write(events, buffer, 1));
    watch("none", IN_CREATE);
    watch("", IN_CREATE);
    watch(".", 0);
    watch(".", 0x10000);
    touch("file");
    watch("file/x", IN_CREATE);
    watch("file", IN_MODIFY | IN_ONLYDIR);
    watch(".", IN_MASK_ADD | IN_MASK_CREATE | IN_CREATE);
    SAY(inotify_add_watch(0, ".", IN_CREATE));
    SAY(inotify_add_watch(999, ".", IN_CREATE));
    SAY(inotify_add_watch(events, NULL, IN_CREATE));
    SAY(inotify_rm_watch(events, 1));
    SAY(inotify_rm_watch(0, 1));
    SAY(inotify_rm_watch(-1, 1));
    watch("file", IN_MODIFY | IN_MASK_CREATE);
    watch("file", IN_MODIFY | IN_MASK_CREATE);
    watch("file", IN_ATTRIB | IN_MASK_ADD);
    watch("./file", IN_OPEN | IN_MASK_ADD);
    SAY(symlink("file", "link"));
    watch("link", IN_CREATE | IN_MASK_ADD);
    watch("link", IN_ALL_EVENTS | IN_DONT_FOLLOW);
    watch("/", IN_DELETE_SELF); /* nothing that others here might do */
    watch("/proc", IN_CREATE);
    unlink("link");
    SAY(inotify_rm_watch(events, 3));
    SAY(inotify_rm_watch(events, 3));
    hear("arguments");
    unlink("file");
    hear("gone");
    char path[32], name[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", events);
    SAY(readlink(path, name, sizeof name - 1));
    printf("%s\n", name);
    close(events);
    events = inotify_init1(IN_NONBLOCK);
}

static void of_a_folder(void)
{
    const uint32_t changes = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE | IN_ATTRIB |
                             IN_DELETE_SELF | IN_MOVE_SELF;
    mkdir("a", 0700);
    mkdir("b", 0700);
    watch("a", changes);
    watch("b", changes);
    int fd = open("a/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    hear("made");
    write(fd, "some", 4);
    hear("written");
    write(fd, "some", 4);
    write(fd, "more", 4); /* the same twice is told once */
    SAY(ftruncate(fd, 3));
    SAY(fchmod(fd, 0640));
    hear("changed");
    close(fd);
    hear("closed");
    truncate("a/file", 1);
    chmod("a/file", 0600);
    utimes("a/file", NULL);
    hear("by its path");
    rename("a/file", "a/a name that is rather long");
    hear("renamed");
    rename("a/a name that is rather long", "b/file");
    hear("moved");
    touch("a/file");
    rename("a/file", "b/file");
    hear("replaced");
    link("b/file", "a/second");
    hear("linked");
    symlink("nowhere", "a/link");
    mkfifo("a/fifo", 0600);
    mkdir("a/folder", 0700);
    hear("others");
    touch("a/x");
    syscall(SYS_renameat2, AT_FDCWD, "a/folder", AT_FDCWD, "b/file", 2 /* RENAME_EXCHANGE */);
    hear("exchanged");
    close(open("b/file", O_RDONLY));
    close(open("a/folder", O_RDONLY));
    hear("looked at");
    unlink("a/folder");
    unlink("a/second");
    unlink("a/link");
    unlink("a/fifo");
    unlink("a/x");
    rmdir("b/file");
    hear("removed");
    fd = open("a/renamed", O_RDWR | O_CREAT, 0600);
    rename("a/renamed", "b/by that");
    hear("renamed while it is open");
    write(fd, "x", 1);
    close(fd);
    hear("written and closed");
    unlink("b/by that");
    fd = open("a/gone", O_RDWR | O_CREAT, 0600);
    unlink("a/gone");
    hear("gone while it is open");
    write(fd, "x", 1);
    close(fd);
    hear("written and closed, of what is gone");
    rename("a", "c");
    hear("itself");
    rmdir("c");
    rmdir("b");
    hear("the folders");
    SAY(inotify_rm_watch(events, 1));
}

static void of_itself(void)
{
    const struct timeval times[2] = {{1, 0}, {2, 0}};
    const struct timespec first[2] = {{1, 0}, {0, UTIME_OMIT}}, second[2] = {{0, UTIME_OMIT}, {1, 0}},
                          none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    touch("self");
    watch("self", IN_ALL_EVENTS);
    int fd = open("self", O_RDWR);
    hear("open");
    SAY(write(fd, "text", 4));
    SAY(pread(fd, buffer, 10, 0));
    SAY(pread(fd, buffer, 10, 4));
    hear("moved bytes");
    utimes("self", times);
    utimensat(AT_FDCWD, "self", first, 0);
    utimensat(AT_FDCWD, "self", second, 0);
    utimensat(AT_FDCWD, "self", none, 0);
    hear("times");
    link("self", "other");
    rename("self", "moved");
    unlink("other");
    hear("names");
    unlink("moved");
    hear("without a name");
    SAY(write(fd, "x", 1));
    close(fd);
    hear("gone");
    touch("old");
    touch("new");
    watch("old", IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
    watch("new", IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
    rename("old", "new");
    hear("one replaces the other");
    unlink("new");
    hear("and goes");
    mkdir("folder", 0700);
    mkdir("folder/within", 0700);
    watch("folder", IN_ALL_EVENTS);
    int list = open("folder", O_RDONLY);
    while (syscall(SYS_getdents64, list, buffer, sizeof buffer) > 0)
        continue;
    close(list);
    close(open("folder/within", O_RDONLY));
    chmod("folder", 0750);
    chmod("folder/within", 0750);
    rename("folder/within", "folder/still");
    rmdir("folder/still");
    rename("folder", "renamed");
    rmdir("renamed");
    hear("a folder");
}

static void once(void)
{
    mkdir("once", 0700);
    watch("once", IN_CREATE | IN_ONESHOT);
    touch("once/a");
    touch("once/b");
    hear("one shot");
    int number = watch("once", IN_CREATE);
    touch("once/c");
    SAY(inotify_rm_watch(events, number));
    touch("once/d");
    hear("until it is removed");
    watch("once", IN_DELETE);
    unlink("once/a");
    watch("once", IN_CREATE); /* instead */
    unlink("once/b");
    touch("once/e");
    hear("another mask");
    int more = inotify_init1(0);
    SAY(inotify_add_watch(more, "once", IN_DELETE));
    unlink("once/c");
    unlink("once/d");
    unlink("once/e");
    hear("not its");
    int bytes = 0;
    SAY(ioctl(more, FIONREAD, &bytes));
    SAY(bytes);
    SAY(read(more, buffer, 16));
    SAY(read(more, buffer, 32));
    SAY(read(more, buffer, 70));
    rmdir("once");
    SAY(read(more, buffer, sizeof buffer));
    close(more);
    hear("gone");
}

static void *later(void *unused)
{
    (void)unused;
    usleep(20000);
    touch("waits/for me");
    return NULL;
}

static void waiting(void)
{
    pthread_t thread;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = 5};
    int epoll = epoll_create1(0);
    mkdir("waits", 0700);
    watch("waits", IN_CREATE);
    SAY(epoll_ctl(epoll, EPOLL_CTL_ADD, events, &event));
    SAY(epoll_wait(epoll, &event, 1, 0));
    SAY(poll(&(struct pollfd){events, POLLIN | POLLOUT, 0}, 1, 0));
    pthread_create(&thread, NULL, later, NULL);
    SAY(epoll_wait(epoll, &event, 1, -1));
    printf("%#x %u\n", event.events, event.data.u32);
    pthread_join(thread, NULL);
    SAY(epoll_wait(epoll, &event, 1, 0));
    SAY(poll(&(struct pollfd){events, POLLIN, 0}, 1, 0));
    hear("from a thread");
    unlink("waits/for me");
    fcntl(events, F_SETFL, 0);
    pthread_create(&thread, NULL, later, NULL);
    SAY(read(events, buffer, sizeof buffer)); /* waits */
    pthread_join(thread, NULL);
    fcntl(events, F_SETFL, O_NONBLOCK);
    unlink("waits/for me");
    rmdir("waits");
    close(epoll);
    hear("waited for");
}

static void too_many(void)
{
    unsigned heard = 0, lost = 0, last = 0;
    mkdir("many", 0700);
    watch("many", IN_CREATE | IN_DELETE);
    for (unsigned i = 0; i < 9000; i++) {
        touch("many/file");
        unlink("many/file");
    }
    for (ssize_t bytes; (bytes = read(events, buffer, sizeof buffer)) > 0;)
        for (ssize_t at = 0; at < bytes;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            heard++;
            lost += (event->mask & IN_Q_OVERFLOW) != 0 && event->wd == -1 && event->len == 0;
            last = event->mask;
            at += (ssize_t)sizeof *event + event->len;
        }
    printf("%u events, %u of more, at the end: %d\n", heard, lost, last == IN_Q_OVERFLOW);
    touch("many/after");
    unlink("many/after");
    rmdir("many");
    hear("afterwards");
    close(events);
    for (unsigned i = 0; i < 2; i++) {
        events = inotify_init1(IN_NONBLOCK);
        watch("/tmp", IN_CREATE); /* numbers begin anew */
        close(events);
    }
}

int main(void)
{
    char folder[] = "/tmp/watches.XXXXXX";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    arguments();
    of_a_folder();
    of_itself();
    once();
    waiting();
    too_many();
    chdir("/");
    SAY(rmdir(folder));
    return 0;
}
