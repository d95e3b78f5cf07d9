/* ends.c: what is mapped behind a file's end is not there: SIGBUS, until the file has grown. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static sigjmp_buf back;
static volatile sig_atomic_t number, code;
static char *volatile address;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    number = signal;
    code = info->si_code;
    address = info->si_addr;
    siglongjmp(back, 1);
}

/* Read a byte, then write it, if it may be. */
static void touch(const char *what, volatile char *at, int may_write)
{
    for (volatile int writes = 0; writes < 1 + may_write; writes++) {
        if (sigsetjmp(back, 1))
            printf("%s: %s %d at its address %d\n", what,
                   number == SIGBUS ? "bus error" : "segmentation fault", code, address == at);
        else if (!writes)
            printf("%s: %d\n", what, *at);
        else
            *at = 'w';
    }
}
#define TOUCH(place) touch(#place, place, 1)
#define READ(place) touch(#place, place, 0)

static int made(const char *name, off_t bytes)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (ftruncate(fd, bytes) != 0 || pwrite(fd, "begin", 5, 0) != 5)
        exit(1);
    return fd;
}

static void shared(void)
{
    int fd = made("file", 5000);
    char text[8] = "";
    char *map = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    TOUCH(map + 4999);
    TOUCH(map + 2 * PAGE - 1);
    TOUCH(map + 2 * PAGE);
    TOUCH(map + 6 * PAGE - 1);
    SAY(ftruncate(fd, 3 * PAGE));
    TOUCH(map + 2 * PAGE);
    TOUCH(map + 3 * PAGE);
    SAY(pwrite(fd, "there", 5, 4 * PAGE - 2));
    TOUCH(map + 3 * PAGE + 5);
    TOUCH(map + 4 * PAGE + 2);
    TOUCH(map + 5 * PAGE);
    SAY(pread(fd, map + 5 * PAGE, 4, 0));
    SAY(pwrite(fd, map + 5 * PAGE, 4, 0));
    SAY(ftruncate(fd, 100));
    TOUCH(map + 99);
    TOUCH(map + PAGE);
    TOUCH(map + 4 * PAGE);
    SAY(mprotect(map, 6 * PAGE, PROT_READ | PROT_WRITE));
    TOUCH(map + PAGE);
    SAY(fallocate(fd, 0, 0, 2 * PAGE));
    TOUCH(map + PAGE + 1);
    TOUCH(map + 2 * PAGE);
    SAY(munmap(map + 2 * PAGE, 4 * PAGE));
    SAY(ftruncate(fd, 0));
    TOUCH(map);
    SAY(ftruncate(fd, 8 * PAGE));
    TOUCH(map);
    char *further = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 6 * PAGE);
    TOUCH(further + PAGE);
    TOUCH(further + 2 * PAGE);
    SAY(munmap(further, 4 * PAGE));
    SAY(munmap(map, 2 * PAGE));
    SAY(pread(fd, text, 4, 7 * PAGE));
    printf("%d\n", text[0]);
    close(fd);
}

/* Of a copy, what is behind the end when it is made. */
static void copies(void)
{
    int fd = made("file", PAGE + 1);
    char *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    TOUCH(map + 1);
    TOUCH(map + 2 * PAGE - 1);
    TOUCH(map + 2 * PAGE);
    TOUCH(map + 3 * PAGE);
    SAY(mprotect(map, 4 * PAGE, PROT_READ));
    TOUCH(map + PAGE);
    READ(map + 2 * PAGE);
    SAY(mprotect(map, 4 * PAGE, PROT_READ | PROT_WRITE));
    TOUCH(map + PAGE);
    TOUCH(map + 2 * PAGE);
    SAY(write(fd, map + 2 * PAGE, 1));
    /* something else over it */
    SAY(mmap(map + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        map + 2 * PAGE);
    TOUCH(map + 2 * PAGE);
    TOUCH(map + 3 * PAGE);
    SAY(munmap(map, 4 * PAGE));
    TOUCH(map + 3 * PAGE);
    map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 3 * PAGE);
    READ(map);
    READ(map + PAGE);
    SAY(munmap(map, 2 * PAGE));
    SAY(ftruncate(fd, 0));
    map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    TOUCH(map);
    SAY(munmap(map, PAGE));
    close(fd);
}

/* It grows step by step, as a log does, with a mapping of all that it may become. */
static void growing(void)
{
    int fd = made("file", 0), wrong = 0;
    char *map = mmap(NULL, 64 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    for (unsigned i = 0; i < 256; i++) {
        char part[1000];
        memset(part, (int)i, sizeof part);
        if (pwrite(fd, part, sizeof part, i * 1000) != sizeof part)
            wrong++;
        wrong += map[i * 1000 + 999] != (char)i;
    }
    printf("wrong: %d\n", wrong);
    READ(map + 62 * PAGE);
    READ(map + 63 * PAGE);
    SAY(munmap(map, 64 * PAGE));
    close(fd);
}

int main(void)
{
    char folder[] = "/tmp/ends.XXXXXX";
    const struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    shared();
    copies();
    growing();
    SAY(unlink("file"));
    chdir("/");
    SAY(rmdir(folder));
    return 0;
}
