/* mapped.c: files in memory: copies, shared pages, their ends, and what is refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))
#define MAP_SAY(...) say("mmap(" #__VA_ARGS__ ")", mmap(__VA_ARGS__) == MAP_FAILED ? -1 : 0)

/* A hole within what is protected: what is before it is, and the call says so. */
static void holes(void)
{
    static const char text[] = "there";
    char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int ends[2];
    SAY(munmap(at + 2 * PAGE, PAGE));
    SAY(mprotect(at, 4 * PAGE, PROT_READ));
    if (pipe(ends) != 0 || write(ends[1], text, sizeof text) != sizeof text)
        return;
    SAY(read(ends[0], at + PAGE, 1)); /* before it: EFAULT */
    SAY(read(ends[0], at + 3 * PAGE, 1));
    SAY(mprotect(at + 2 * PAGE, 2 * PAGE, PROT_READ));
    SAY(read(ends[0], at + 3 * PAGE, 1));
}

static void zeros(void)
{
    int fd = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
    char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    SAY(at != MAP_FAILED && at[PAGE] == 0);
    at[PAGE] = 'z';
    SAY(mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, PAGE) == at);
    printf("%d%c\n", at[0], at[PAGE]);
    SAY(munmap(at, 2 * PAGE));
    MAP_SAY(NULL, PAGE, PROT_READ, MAP_SHARED, null, 0);
    SAY(syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 100));
    SAY(flock(fd, LOCK_EX | LOCK_NB));
    SAY(flock(fd, LOCK_UN));
    SAY(flock(fd, 77));
}

/* What has been mapped is given back: no file is left of these, and no memory. */
static void many(void)
{
    unsigned good = 0;
    for (unsigned i = 0; i < 300; i++) {
        char name[] = "/tmp/mf-many-XXXXXX";
        int fd = mkstemp(name);
        if (fd < 0 || ftruncate(fd, 16 * PAGE) != 0)
            break;
        char *at = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED)
            break;
        memset(at, (int)i, 16 * PAGE);
        unlink(name);
        close(fd);
        good += munmap(at, 16 * PAGE) == 0;
    }
    printf("many: %u\n", good);
}

/* Mappings of one file, one after the other: it stays while there is one, and keeps what was written. */
static void one_after_the_other(void)
{
    char name[] = "/tmp/mf-ends-XXXXXX", text[16] = "";
    int fd = mkstemp(name);
    SAY(ftruncate(fd, 4 * PAGE));
    char *one = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
    strcpy(one + 2 * PAGE, "by one");
    SAY(munmap(one, 4 * PAGE));
    printf("%s\n", two);
    strcpy(two, "by two");
    SAY(munmap(two, PAGE)); /* in two pieces */
    SAY(munmap(two + PAGE, PAGE));
    SAY(pread(fd, text, 7, 2 * PAGE));
    printf("%s\n", text);
    /* it grows, mapped and not */
    SAY(pwrite(fd, "far", 4, 300000));
    one = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    SAY(pwrite(fd, "farther", 8, 400000));
    SAY(pread(fd, text, 8, 400000));
    printf("%s\n", text);
    /* something else over it */
    char *other = mmap(one, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("over: %d %d\n", other == one, other[2 * PAGE]);
    strcpy(other + 2 * PAGE, "other");
    SAY(pread(fd, text, 7, 2 * PAGE));
    printf("%s\n", text);
    SAY(munmap(other, 4 * PAGE));
    one = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    SAY(mremap(one, 4 * PAGE, 2 * PAGE, 0) == one);
    SAY(munmap(one, 2 * PAGE));
    SAY(pread(fd, text, 7, 2 * PAGE));
    printf("%s\n", text);
    close(fd);
    unlink(name);
}

int main(void)
{
    char name[] = "/tmp/mf-mapped-XXXXXX", text[16] = "";
    int fd = mkstemp(name);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < 3000; i++)
        if (write(fd, "0123456789"[i % 10] == '0' ? "z" : "abcdefghi" + i % 9, 1) != 1)
            return 1;
    /* a copy, whose end is zero and which nobody else sees */
    char *copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    printf("%.8s %d\n", copy, copy[3000] + copy[PAGE - 1]);
    memcpy(copy, "private", 7);
    SAY(pread(fd, text, 8, 0));
    printf("%.8s\n", text);
    char *readable = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("%.8s\n", readable);
    SAY(mprotect(readable, PAGE, PROT_READ | PROT_WRITE));
    readable[0] = '!';
    SAY(munmap(readable, PAGE));
    /* over something else */
    char *place = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(place, 'x', 3 * PAGE);
    SAY(mmap(place + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == place + PAGE);
    printf("%c%.4s%c\n", place[PAGE - 1], place + PAGE, place[2 * PAGE]);
    /* shared: the file and all mappings are one */
    char *shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memcpy(shared, "together", 8);
    SAY(pread(fd, text, 8, 0));
    printf("%.8s\n", text);
    SAY(pwrite(fd, "TO", 2, 0));
    printf("%.8s %.8s\n", shared, copy);
    char *again = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    memcpy(shared + 2, "GE", 2);
    printf("%.8s\n", again);
    SAY(msync(shared, PAGE, MS_SYNC));
    SAY(ftruncate(fd, 5000));
    shared[4999] = 'e';
    SAY(pread(fd, text, 8, 4998));
    printf("%d%c\n", text[0], text[1]);
    SAY(madvise(shared, PAGE, MADV_WILLNEED));
    SAY(ftruncate(fd, 300000)); /* it grows while it is mapped, as a database's does */
    char *further = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 70 * PAGE);
    printf("further: %d\n", further != MAP_FAILED && further[0] == 0);
    further[1] = 'f';
    SAY(pread(fd, text, 2, 70 * PAGE));
    printf("%d%c\n", text[0], text[1]);
    SAY(pwrite(fd, "zz", 2, 400000));
    SAY(ftruncate(fd, 5000));
    close(fd);
    printf("%.8s\n", shared); /* it outlives the descriptor, and the name */
    fd = open(name, O_RDONLY);
    SAY(unlink(name));
    SAY(pread(fd, text, 8, 0));
    printf("%.8s\n", text);
    MAP_SAY(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MAP_SAY(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1);
    MAP_SAY(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0);
    MAP_SAY(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0);
    MAP_SAY(NULL, PAGE, PROT_READ, 0, fd, 0);
    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    MAP_SAY(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0);
    int folder = open("/tmp", O_RDONLY);
    MAP_SAY(NULL, PAGE, PROT_READ, MAP_PRIVATE, folder, 0);
    SAY(munmap(shared, 2 * PAGE));
    SAY(munmap(again, PAGE));
    SAY(munmap(copy, PAGE));
    holes();
    zeros();
    many();
    one_after_the_other();
    return 0;
}
