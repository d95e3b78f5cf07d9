/* fifos.c: named pipes: who waits for whom when one is opened, and what becomes of its bytes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH "fifo"

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

/* Whether a descriptor came, not which. */
static int told(const char *what, int fd)
{
    printf("%s: %s\n", what, fd < 0 ? strerror(errno) : "open");
    return fd;
}
#define OPEN(how) told("open " #how, open(PATH, how))

static char text[65536];

static void hear(int fd)
{
    memset(text, 0, sizeof text);
    ssize_t got = read(fd, text, 64);
    printf("read: %ld %s\n", (long)got, got < 0 ? strerror(errno) : text);
}

static void look(int fd)
{
    struct pollfd one = {fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0};
    int ready = poll(&one, 1, 0);
    printf("poll: %d %#x\n", ready, (unsigned)one.revents);
}

static void making(void)
{
    struct stat stat_now, other;
    umask(022);
    SAY(mkfifo(PATH, 0666));
    SAY(mkfifo(PATH, 0666));
    SAY(mknod("node", S_IFIFO | 0600, 0));
    SAY(mknod("none/node", S_IFIFO | 0600, 0));
    SAY(mkfifo("slash/", 0600));
    SAY(mkfifo("", 0600));
    SAY(stat(PATH, &stat_now));
    printf("mode %o links %lu size %ld\n", stat_now.st_mode, (unsigned long)stat_now.st_nlink, (long)stat_now.st_size);
    int fd = OPEN(O_RDONLY | O_NONBLOCK);
    fstat(fd, &other);
    printf("the same: %d\n", other.st_ino == stat_now.st_ino && other.st_dev == stat_now.st_dev &&
                                 other.st_mode == stat_now.st_mode);
    SAY(chmod(PATH, 0640));
    SAY(fchmod(fd, 0600));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(pread(fd, text, 1, 0));
    SAY(ftruncate(fd, 0));
    SAY(truncate(PATH, 0));
    SAY(write(fd, "x", 1));
    SAY(syscall(SYS_getdents64, fd, text, 100));
    SAY((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    SAY(fcntl(fd, F_GETPIPE_SZ));
    SAY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    char link[64], name[300] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    SAY(readlink(link, name, sizeof name - 1) > 0);
    printf("%s\n", strrchr(name, '/'));
    close(fd);
    OPEN(O_RDONLY | O_DIRECTORY);
    OPEN(O_ACCMODE | O_NONBLOCK);
    told("exclusive", open(PATH, O_RDWR | O_CREAT | O_EXCL, 0600));
    fd = told("made already", open(PATH, O_RDWR | O_CREAT | O_TRUNC | O_NONBLOCK, 0600));
    close(fd);
    fd = OPEN(O_PATH);
    SAY(read(fd, text, 1));
    SAY(fstat(fd, &other));
    close(fd);
    DIR *folder = opendir(".");
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, PATH) == 0)
            printf("type %d\n", entry->d_type);
    closedir(folder);
    SAY(unlink("node"));
}

static void not_waiting(void)
{
    OPEN(O_WRONLY | O_NONBLOCK);
    int reads = OPEN(O_RDONLY | O_NONBLOCK);
    look(reads); /* nobody has hung up yet */
    hear(reads);
    int writes = OPEN(O_WRONLY | O_NONBLOCK);
    look(reads);
    look(writes);
    hear(reads);
    SAY(write(writes, "one", 3));
    look(reads);
    int bytes = 0;
    SAY(ioctl(reads, FIONREAD, &bytes));
    printf("%d bytes\n", bytes);
    int second = OPEN(O_WRONLY);
    SAY(write(second, "two", 3));
    close(writes);
    look(reads);
    hear(reads);
    hear(reads); /* one who writes is there still */
    close(second);
    look(reads);
    hear(reads);
    int again = OPEN(O_RDONLY | O_NONBLOCK);
    look(again);
    look(reads);
    writes = OPEN(O_WRONLY);
    look(reads);
    SAY(write(writes, "either", 6));
    close(reads);
    hear(again);
    int more = 0;
    fcntl(writes, F_SETFL, O_NONBLOCK);
    for (ssize_t put; (put = write(writes, text, sizeof text)) > 0;)
        more += (int)put;
    printf("full: %d %s\n", more, strerror(errno));
    look(writes);
    SAY(read(again, text, 8192));
    look(writes);
    close(again);
    look(writes);
    SAY(write(writes, "x", 1));
    again = OPEN(O_RDONLY | O_NONBLOCK);
    SAY(read(again, text, 5)); /* what was not read is there as long as anybody is */
    close(again);
    close(writes);
    again = OPEN(O_RDONLY | O_NONBLOCK);
    hear(again);
    close(again);
}

static void both_ways(void)
{
    int both = OPEN(O_RDWR);
    look(both);
    SAY(write(both, "myself", 6));
    look(both);
    hear(both);
    int writes = OPEN(O_WRONLY | O_NONBLOCK);
    SAY(write(writes, "other", 5));
    hear(both);
    close(writes);
    look(both);
    fcntl(both, F_SETFL, O_RDWR | O_NONBLOCK);
    hear(both);
    close(both);
}

static void *open_later(void *how)
{
    usleep(20000);
    int fd = open(PATH, (int)(long)how);
    if ((int)(long)how == O_WRONLY)
        write(fd, "from a thread", 13);
    close(fd);
    return NULL;
}

/* Who waits counts already: but for that there would be ENXIO for ever. */
static int open_writing(void)
{
    int fd;
    while ((fd = open(PATH, O_WRONLY | O_NONBLOCK)) < 0)
        usleep(1000);
    return fd;
}

static void *count_as_other(void *unused)
{
    (void)unused;
    close(open_writing());
    return NULL;
}

static void waiting(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, open_later, (void *)(long)O_WRONLY);
    int fd = OPEN(O_RDONLY);
    hear(fd);
    pthread_join(thread, NULL);
    hear(fd);
    look(fd);
    close(fd);
    pthread_create(&thread, NULL, open_later, (void *)(long)O_RDONLY);
    fd = OPEN(O_WRONLY);
    pthread_join(thread, NULL);
    SAY(write(fd, "x", 1));
    look(fd);
    close(fd);
    pthread_create(&thread, NULL, count_as_other, NULL);
    fd = open(PATH, O_RDONLY);
    pthread_join(thread, NULL);
    hear(fd);
    close(fd);
    pthread_create(&thread, NULL, open_later, (void *)(long)O_RDWR);
    fd = OPEN(O_RDONLY);
    pthread_join(thread, NULL);
    close(fd);
}

static void handler(int number)
{
    (void)number;
}

static void *interrupt(void *self)
{
    usleep(20000);
    pthread_kill(*(pthread_t *)self, SIGUSR1);
    usleep(20000);
    return open_later((void *)(long)O_WRONLY);
}

static volatile int was_interrupted;

static void *interrupt_only(void *self)
{
    while (!was_interrupted) {
        usleep(5000);
        pthread_kill(*(pthread_t *)self, SIGUSR1);
    }
    return NULL;
}

static void interrupted(void)
{
    pthread_t self = pthread_self(), thread;
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, interrupt_only, &self);
    int fd = open(PATH, O_RDONLY), error = errno;
    was_interrupted = 1;
    pthread_join(thread, NULL);
    printf("interrupted: %d %s\n", fd, strerror(error));
    OPEN(O_WRONLY | O_NONBLOCK); /* it does not count any more */
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, interrupt, &self);
    fd = OPEN(O_RDONLY);
    hear(fd);
    pthread_join(thread, NULL);
    close(fd);
}

static void *unlink_and_join(void *unused)
{
    (void)unused;
    int fd = open_writing();
    unlink(PATH);
    write(fd, "nameless", 8);
    close(fd);
    return NULL;
}

static void names(void)
{
    pthread_t thread;
    int epoll = epoll_create1(0), fd = OPEN(O_RDONLY | O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = 7};
    SAY(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    SAY(link(PATH, "another"));
    SAY(rename(PATH, "moved"));
    int writes = told("another", open("another", O_WRONLY));
    SAY(write(writes, "by another name", 15));
    SAY(epoll_wait(epoll, &event, 1, 1000));
    printf("events %#x %u\n", event.events, event.data.u32);
    SAY(epoll_wait(epoll, &event, 1, 0));
    SAY(unlink("another"));
    hear(fd);
    close(writes);
    SAY(epoll_wait(epoll, &event, 1, 1000));
    printf("events %#x\n", event.events);
    close(fd);
    close(epoll);
    SAY(rename("moved", PATH));
    pthread_create(&thread, NULL, unlink_and_join, NULL);
    fd = OPEN(O_RDONLY); /* goes on though its name is gone */
    pthread_join(thread, NULL);
    hear(fd);
    hear(fd);
    close(fd);
    OPEN(O_RDONLY);
    SAY(mkfifo("/proc/fifo", 0600) < 0);
}

int main(void)
{
    char folder[] = "/tmp/fifos.XXXXXX";
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    making();
    not_waiting();
    both_ways();
    waiting();
    interrupted();
    names();
    chdir("/");
    SAY(rmdir(folder));
    return 0;
}
