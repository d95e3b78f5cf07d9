/* locks.c: locks on files: whose stand in whose way, who waits, and when they go. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static int a, b, c; /* open files of one file */

static void open_all(void)
{
    a = open("file", O_RDWR | O_CREAT, 0600);
    b = open("file", O_RDWR);
    c = open("file", O_RDWR);
}

static void close_all(void)
{
    close(a);
    close(b);
    close(c);
}

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

/* A call that waits, in a thread of its own. */
static int (*waiting_call)(void);
static void *wait_there(void *none)
{
    printf("waited: %d %s\n", waiting_call() < 0 ? errno : 0, (const char *)none);
    return NULL;
}

static pthread_t begin_waiting(int (*call)(void), const char *name)
{
    pthread_t thread;
    waiting_call = call;
    pthread_create(&thread, NULL, wait_there, (void *)(uintptr_t)name);
    sleep_ms(50);
    printf("%s waits\n", name);
    return thread;
}

static int lock_b(void)
{
    return flock(b, LOCK_EX);
}
static int share_b(void)
{
    return flock(b, LOCK_SH);
}

static void whole_files(void)
{
    open_all();
    SAY(flock(a, LOCK_SH));
    SAY(flock(b, LOCK_SH | LOCK_NB));
    SAY(flock(c, LOCK_EX | LOCK_NB));
    SAY(flock(a, LOCK_EX | LOCK_NB)); /* and what it had is lost */
    SAY(flock(c, LOCK_EX | LOCK_NB));
    SAY(flock(b, LOCK_UN));
    SAY(flock(b, LOCK_UN));
    SAY(flock(c, LOCK_EX | LOCK_NB));
    SAY(flock(c, LOCK_EX | LOCK_NB));
    SAY(flock(a, LOCK_SH | LOCK_NB));
    SAY(flock(c, LOCK_SH | LOCK_NB));
    SAY(flock(a, LOCK_SH | LOCK_NB));
    SAY(link("file", "other"));
    int other = open("other", O_RDONLY), twin = dup(c), path = open("file", O_PATH);
    SAY(flock(other, LOCK_EX | LOCK_NB));
    SAY(flock(a, LOCK_UN));
    SAY(flock(twin, LOCK_EX | LOCK_NB)); /* c's own */
    SAY(flock(other, LOCK_SH | LOCK_NB));
    close(c);
    SAY(flock(other, LOCK_SH | LOCK_NB));
    close(twin);
    SAY(flock(other, LOCK_EX | LOCK_NB));
    SAY(unlink("other"));
    SAY(flock(a, LOCK_EX | LOCK_NB)); /* it is one file */
    close(other);
    SAY(flock(a, LOCK_EX | LOCK_NB));
    SAY(flock(path, LOCK_EX | LOCK_NB));
    SAY(flock(a, LOCK_SH | LOCK_EX));
    SAY(flock(a, 0));
    SAY(flock(-1, LOCK_SH));
    close(path);
    int ends[2];
    SAY(pipe(ends));
    SAY(flock(ends[0], LOCK_EX | LOCK_NB));
    SAY(flock(ends[0], LOCK_UN));
    close(ends[0]);
    close(ends[1]);
    close_all();
}

static void on_signal(int number)
{
    (void)number;
}

static void whole_files_waiting(void)
{
    open_all();
    SAY(flock(a, LOCK_EX));
    pthread_t thread = begin_waiting(lock_b, "b");
    SAY(flock(a, LOCK_SH));
    sleep_ms(50);
    puts("a shares");
    flock(a, LOCK_UN);
    pthread_join(thread, NULL);
    SAY(flock(a, LOCK_SH | LOCK_NB));
    SAY(flock(b, LOCK_UN));
    SAY(flock(a, LOCK_EX));
    thread = begin_waiting(share_b, "b to share");
    close(a);
    pthread_join(thread, NULL);
    SAY(flock(c, LOCK_SH | LOCK_NB));
    SAY(flock(b, LOCK_UN));
    SAY(flock(c, LOCK_EX | LOCK_NB));
    thread = begin_waiting(lock_b, "b for a signal");
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    const struct sigaction again = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &again, NULL);
    thread = begin_waiting(lock_b, "b once more");
    pthread_kill(thread, SIGUSR1);
    sleep_ms(50);
    puts("c goes");
    flock(c, LOCK_UN);
    pthread_join(thread, NULL);
    close_all();
}

static struct flock range(int type, off_t start, off_t bytes)
{
    return (struct flock){.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes};
}

static int set(int fd, int command, int type, off_t start, off_t bytes)
{
    struct flock lock = range(type, start, bytes);
    return fcntl(fd, command, &lock);
}
#define OFD(fd, type, start, bytes) \
    say("ofd " #fd " " #type " " #start " " #bytes, set(fd, F_OFD_SETLK, F_##type##LCK, start, bytes))
#define OWN(fd, type, start, bytes) \
    say("own " #fd " " #type " " #start " " #bytes, set(fd, F_SETLK, F_##type##LCK, start, bytes))

static void ask(const char *what, int fd, int command, int type, off_t start, off_t bytes)
{
    struct flock lock = range(type, start, bytes);
    lock.l_pid = command == F_GETLK ? 77 : 0;
    int result = fcntl(fd, command, &lock);
    const char *who = lock.l_pid == getpid() ? "the process" : lock.l_pid == -1 ? "a file" : lock.l_pid == 77 ? "77" : "0";
    printf("%s: %d %d from %lld so many %lld whence %d of %s\n", what, result < 0 ? errno : 0, lock.l_type,
           (long long)lock.l_start, (long long)lock.l_len, lock.l_whence, who);
}
#define ASK(fd, type, start, bytes) \
    ask("ask " #fd " " #type " " #start " " #bytes, fd, F_OFD_GETLK, F_##type##LCK, start, bytes)
#define ASK_OWN(fd, type, start, bytes) \
    ask("ask own " #fd " " #type " " #start " " #bytes, fd, F_GETLK, F_##type##LCK, start, bytes)

static void ranges(void)
{
    open_all();
    OFD(a, WR, 10, 20);
    OFD(b, RD, 29, 1);
    OFD(b, WR, 30, 1);
    OFD(b, RD, 0, 10);
    ASK(b, RD, 0, 0);
    ASK(a, WR, 0, 0);
    ASK(c, WR, 30, 0);
    OFD(a, RD, 15, 5); /* in three parts */
    OFD(b, RD, 15, 5);
    OFD(b, RD, 14, 1);
    OFD(b, RD, 20, 1);
    OFD(a, WR, 15, 5); /* b shares it; what a has it keeps */
    OFD(c, RD, 16, 1);
    OFD(c, UN, 0, 0);
    OFD(b, UN, 17, 1);
    OFD(a, WR, 17, 1);
    ASK(c, RD, 16, 10);
    OFD(b, UN, 0, 0);
    OFD(a, WR, 10, 20); /* one again */
    ASK(c, RD, 12, 1);
    OFD(a, UN, 12, 1);
    OFD(c, WR, 12, 1);
    ASK(b, RD, 0, 12);
    ASK(b, RD, 13, 0);
    int twin = dup(a), reads = open("file", O_RDONLY), writes = open("file", O_WRONLY);
    OFD(twin, UN, 20, 1);
    OFD(b, WR, 20, 1);
    close(twin);
    OFD(b, WR, 21, 1);
    close(a);
    OFD(b, WR, 21, 100);
    OFD(reads, WR, 200, 1);
    OFD(reads, RD, 200, 1);
    OFD(writes, RD, 200, 1);
    OFD(writes, WR, 200, 1);
    OFD(writes, WR, 201, 1);
    ASK(reads, WR, 201, 1);
    ASK(reads, RD, 300, 1);
    SAY(flock(reads, LOCK_EX | LOCK_NB)); /* of another kind */
    close(reads);
    close(writes);
    close_all();
}

static void one(const char *what, int fd, int command, struct flock lock)
{
    int result = fcntl(fd, command, &lock);
    printf("%s: %s; %lld %lld\n", what, result < 0 ? strerror(errno) : "good", (long long)lock.l_start,
           (long long)lock.l_len);
}

/* Ranges as no program should ask for. */
static void strange(void)
{
    open_all();
    SAY(ftruncate(a, 1000));
    SAY(lseek(a, 100, SEEK_SET));
    one("from the position", a, F_OFD_SETLK, (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = 10});
    ASK(b, RD, 0, 0);
    one("before the end", a, F_OFD_SETLK,
        (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = -10});
    ASK(b, RD, 200, 0);
    OFD(a, WR, 1000, -1000);
    ASK(b, RD, 0, 1);
    OFD(a, WR, 999, -1000);
    OFD(a, WR, -1, 1);
    OFD(a, WR, 0, -1);
    OFD(a, WR, INT64_MAX, 1);
    OFD(a, WR, INT64_MAX, 2);
    OFD(a, WR, INT64_MAX, 0);
    OFD(a, WR, 1, INT64_MAX);
    OFD(a, WR, 2, INT64_MAX);
    OFD(a, WR, 5, INT64_MIN);
    ASK(b, RD, 2000, 0);
    ASK(b, WR, INT64_MAX, 0);
    one("beyond", a, F_OFD_SETLK,
        (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = INT64_MAX, .l_len = 1});
    one("far before", a, F_OFD_SETLK,
        (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = INT64_MIN, .l_len = 1});
    one("a whence", a, F_OFD_SETLK, (struct flock){.l_type = F_WRLCK, .l_whence = 9});
    one("a type", a, F_OFD_SETLK, (struct flock){.l_type = 9});
    one("a type asked for", a, F_GETLK, (struct flock){.l_type = F_UNLCK});
    one("a process", a, F_OFD_SETLK, (struct flock){.l_type = F_WRLCK, .l_pid = 1});
    one("a process asked for", a, F_OFD_GETLK, (struct flock){.l_type = F_WRLCK, .l_pid = 1});
    OFD(a, UN, INT64_MAX, 1);
    OFD(b, RD, INT64_MAX, 0);
    OFD(b, RD, INT64_MAX - 1, 1);
    OFD(a, UN, 0, 0);
    OFD(b, WR, 0, 0);
    SAY(fcntl(a, F_OFD_SETLK, (void *)8));
    SAY(fcntl(a, F_SETLK, (void *)8));
    close_all();
}

/* Those of the process do not stand in each other's way, but in that of open files, and they in its. */
static void of_the_process(void)
{
    open_all();
    OWN(a, WR, 0, 10);
    OWN(b, WR, 5, 10);
    ASK_OWN(c, WR, 0, 0);
    ASK(c, WR, 0, 0);
    OFD(a, RD, 3, 1);
    OFD(a, RD, 15, 5);
    OWN(a, RD, 15, 1);
    OWN(a, WR, 15, 1);
    ASK_OWN(c, WR, 0, 0);
    ASK_OWN(c, RD, 0, 0);
    OWN(c, UN, 5, 1);
    ASK(b, RD, 5, 1);
    ASK(b, RD, 6, 0);
    int path = open("file", O_PATH);
    close(path);
    OFD(a, RD, 3, 1);
    int passing = open("file", O_RDONLY);
    close(passing);
    OFD(a, WR, 0, 15); /* with any descriptor all of them go */
    OWN(b, WR, 0, 1);
    SAY(dup2(c, a) == a);
    OWN(b, WR, 0, 1);
    close_all();
}

static int range_b(void)
{
    return set(b, F_OFD_SETLKW, F_WRLCK, 0, 10);
}
static int own_b(void)
{
    return set(b, F_SETLKW, F_RDLCK, 5, 10);
}

static void ranges_waiting(void)
{
    open_all();
    OFD(a, WR, 5, 10);
    pthread_t thread = begin_waiting(range_b, "b's range");
    OFD(a, UN, 12, 3);
    sleep_ms(50);
    puts("a has some still");
    set(a, F_OFD_SETLK, F_UNLCK, 0, 0);
    pthread_join(thread, NULL);
    OFD(c, RD, 9, 1);
    thread = begin_waiting(own_b, "the process");
    set(b, F_OFD_SETLK, F_RDLCK, 0, 10);
    pthread_join(thread, NULL);
    OFD(c, RD, 9, 1);
    OFD(c, WR, 14, 1);
    OFD(c, WR, 15, 1);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    thread = begin_waiting(range_b, "b for a signal");
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    close_all();
}

/* By chance, on and on: all answers of both. */
static void by_chance(void)
{
    static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK, F_UNLCK};
    uint64_t random = 1, sum = 0;
    open_all();
    for (unsigned i = 1; i <= 2000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(random >> 32);
        const int fds[] = {a, b, c, a};
        struct flock lock = range(types[bits >> 2 & 3], bits >> 4 & 31, bits >> 9 & 15);
        int own = (bits & 3) == 3;
        int result = fcntl(fds[bits & 3], own ? F_SETLK : F_OFD_SETLK, &lock);
        sum = sum * 31 + (uint64_t)(result < 0 ? errno : 0);
        for (off_t at = 0; at < 48; at += 1 + (bits & 7)) {
            struct flock is = range(F_WRLCK, at, 1);
            (void)fcntl(b, F_OFD_GETLK, &is);
            sum = sum * 31 + (uint64_t)is.l_type; /* whose, of several, is left open */
        }
        if (i % 200 == 0)
            printf("by chance: %016llx\n", (unsigned long long)sum);
    }
    close_all();
}

int main(void)
{
    char folder[] = "/tmp/locks.XXXXXX";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    whole_files();
    whole_files_waiting();
    ranges();
    strange();
    of_the_process();
    ranges_waiting();
    by_chance();
    SAY(unlink("file"));
    chdir("/");
    SAY(rmdir(folder));
    return 0;
}
