/* limits.c: limits of a process without privileges: what it may set, what is told, and which of them act. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILES 40

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static int set(int resource, rlim_t soft, rlim_t hard)
{
    const struct rlimit limit = {soft, hard};
    return setrlimit(resource, &limit);
}

static void tell(const char *what, int resource)
{
    struct rlimit limit = {0};
    int result = getrlimit(resource, &limit);
    printf("%s: %d %llu %llu\n", what, result, (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
}
#define TELL(resource) tell(#resource, resource)

static void rules(void)
{
    struct rlimit before = {0}, wanted = {100, 400};
    SAY(set(RLIMIT_NOFILE, 200, 100));
    SAY(set(RLIMIT_NOFILE, 100, 500));
    TELL(RLIMIT_NOFILE);
    SAY(set(RLIMIT_NOFILE, 100, 501));
    SAY(set(RLIMIT_NOFILE, 501, 501));
    SAY(set(RLIMIT_NOFILE, RLIM_INFINITY, RLIM_INFINITY));
    SAY(set(RLIMIT_NOFILE, 500, 500));
    TELL(RLIMIT_NOFILE);
    SAY(prlimit(0, RLIMIT_NOFILE, &wanted, &before));
    printf("before: %d %d\n", (int)before.rlim_cur, (int)before.rlim_max);
    SAY(prlimit(getpid(), RLIMIT_NOFILE, NULL, &before));
    printf("now: %d %d\n", (int)before.rlim_cur, (int)before.rlim_max);
    wanted = (struct rlimit){500, 500};
    SAY(prlimit(0, RLIMIT_NOFILE, &wanted, &before));
    TELL(RLIMIT_NOFILE);
    SAY(prlimit(0x3ffffff0, RLIMIT_NOFILE, &wanted, &before));
    SAY(prlimit(0, 99, &wanted, &before));
    SAY(prlimit(0, RLIMIT_NOFILE, (void *)8, &before));
    SAY(setrlimit(RLIMIT_NOFILE, (void *)8));
    SAY(setrlimit(99, &wanted));
    SAY(set(RLIMIT_CORE, 0, 0));
    TELL(RLIMIT_CORE);
    SAY(set(RLIMIT_CORE, 0, 1));
    SAY(set(RLIMIT_MEMLOCK, 4096, 8192));
    TELL(RLIMIT_MEMLOCK);
    SAY(set(RLIMIT_CPU, 1000, 2000));
    TELL(RLIMIT_CPU);
    SAY(set(RLIMIT_CPU, 2000, RLIM_INFINITY));
    SAY(set(RLIMIT_STACK, 100000, 120000));
    TELL(RLIMIT_STACK);
    SAY(set(RLIMIT_SIGPENDING, 10, 20));
    TELL(RLIMIT_SIGPENDING);
}

/* As proc(5) has it, of the same process. */
static void in_proc(void)
{
    char line[200];
    FILE *file = fopen("/proc/self/limits", "r");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "Max open files", 14) == 0 || strncmp(line, "Max stack size", 14) == 0)
            printf("%.73s\n", line); /* without the blanks at the end */
    fclose(file);
}

static void descriptors(void)
{
    int fds[FILES], ends[2], count = 0, high = dup2(0, 300);
    struct pollfd many[FILES + 1];
    SAY(high);
    SAY(set(RLIMIT_NOFILE, FILES, 400));
    while (count < FILES && (fds[count] = dup(0)) >= 0)
        count++;
    printf("then: %s, the last is %d\n", strerror(errno), fds[count - 1]);
    SAY(open("/dev/null", O_RDONLY));
    SAY(socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(eventfd(0, 0));
    SAY(pipe(ends));
    SAY(dup2(0, FILES));
    SAY(dup2(0, FILES - 1));
    SAY(fcntl(0, F_DUPFD, FILES));
    SAY(fcntl(0, F_DUPFD, FILES - 1));
    SAY(dup2(0, 300)); /* it is open: but not to be had */
    SAY(fcntl(300, F_GETFD));
    memset(many, -1, sizeof many);
    SAY(poll(many, FILES, 0));
    SAY(poll(many, FILES + 1, 0));
    close(fds[count - 1]);
    SAY(pipe(ends)); /* one would do, two do not */
    SAY(dup(300) == fds[count - 1]);
    SAY(set(RLIMIT_NOFILE, 0, 400));
    SAY(dup(0));
    SAY(close(300));
    SAY(set(RLIMIT_NOFILE, 400, 400));
    SAY(dup2(0, 399));
    SAY(dup2(0, 400));
    SAY(close(399));
    while (count--)
        close(fds[count]);
}

static volatile int signals, code, own;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    signals++;
    code = info->si_code;
    own = info->si_pid == getpid();
}

static void told(const char *what)
{
    printf("%s: signals %d code %d own %d\n", what, signals, code, own);
    signals = code = own = 0;
}

static void size_of_files(void)
{
    static char text[3000];
    const struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    int fd = open("file", O_RDWR | O_CREAT, 0600), other = open("other", O_RDWR | O_CREAT | O_APPEND, 0600), ends[2];
    sigaction(SIGXFSZ, &action, NULL);
    SAY(ftruncate(fd, 6000));
    SAY(set(RLIMIT_FSIZE, 4000, RLIM_INFINITY));
    TELL(RLIMIT_FSIZE);
    SAY(pwrite(fd, text, 100, 3950));
    SAY(pwrite(fd, text, 100, 4000));
    told("at the limit");
    SAY(pwrite(fd, text, 100, 5000));
    told("behind");
    SAY(pwrite(fd, text, 100, 0));
    SAY(ftruncate(fd, 5000)); /* smaller it may become */
    SAY(ftruncate(fd, 5001));
    told("ftruncate");
    SAY(truncate("file", 4500));
    SAY(truncate("file", 1000));
    SAY(truncate("file", 4001));
    told("truncate");
    SAY(truncate("file", 4000));
    SAY(fallocate(fd, 0, 0, 4001));
    told("fallocate");
    SAY(write(other, text, 3000));
    SAY(write(other, text, 3000));
    SAY(write(other, text, 1));
    told("appended");
    SAY(ftruncate(other, 3000));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(pipe(ends)); /* no file */
    for (int i = 0; i < 4; i++)
        SAY(write(ends[1], text, 3000));
    SAY(set(RLIMIT_FSIZE, 10000, 20000));
    SAY(pwrite(fd, text, 100, 10000));
    told("the soft one");
    SAY(set(RLIMIT_FSIZE, 20001, 20001));
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigaction(SIGXFSZ, &ignored, NULL);
    SAY(pwrite(fd, text, 100, 10000));
    SAY(set(RLIMIT_FSIZE, 20000, 20000));
    SAY(pwrite(fd, text, 100, 10000));
    sigaction(SIGPIPE, &action, NULL);
    close(ends[0]);
    SAY(write(ends[1], text, 1));
    told("for nobody");
    close(ends[1]);
    close(fd);
    close(other);
}

int main(void)
{
    char folder[] = "/tmp/limits.XXXXXX";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    rules();
    in_proc();
    descriptors();
    size_of_files();
    SAY(unlink("file"));
    SAY(unlink("other"));
    chdir("/");
    SAY(rmdir(folder));
    return 0;
}
