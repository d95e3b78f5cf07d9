/* files.c: files and folders under /tmp: open in its ways, read, write, positions, sizes, names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

/* The beginning of struct statx, which a C library need not have. */
struct statx_head {
    uint32_t mask, block_bytes;
    uint64_t attributes;
    uint32_t links, user, group;
    uint16_t mode, spare;
    uint64_t number, bytes, rest[3];
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    char *names[64];
    int count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) && count < 64;) {
        char line[300];
        snprintf(line, sizeof line, "%s(%d)", entry->d_name, entry->d_type);
        names[count++] = strdup(line);
    }
    if (folder)
        closedir(folder);
    qsort(names, (size_t)count, sizeof names[0], compare);
    printf("%s:", path);
    for (int i = 0; i < count; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

static void opening(void)
{
    SAY(open("none", O_RDONLY));
    int fd = open("a", O_CREAT | O_EXCL | O_RDWR, 0640);
    SAY(fd >= 0);
    SAY(open("a", O_CREAT | O_EXCL | O_RDWR, 0640));
    SAY(open("a/", O_RDONLY));
    SAY(open("a", O_DIRECTORY));
    SAY(open(".", O_RDWR));
    SAY(open("new/", O_CREAT | O_RDWR, 0600));
    SAY(fcntl(fd, F_GETFL));
    SAY(fcntl(fd, F_GETFD));
    SAY(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SAY(fcntl(fd, F_GETFD));
    SAY(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    SAY(fcntl(fd, F_GETFL));
    SAY(close(fd));
    SAY(close(fd));
    fd = open("a", O_WRONLY | O_APPEND);
    char byte;
    SAY(read(fd, &byte, 1));
    SAY(write(fd, "x", 1));
    close(fd);
    fd = open("a", O_RDONLY);
    SAY(write(fd, "x", 1));
    SAY(ftruncate(fd, 0));
    close(fd);
    fd = open("a", O_PATH);
    SAY(read(fd, &byte, 1));
    struct stat told;
    SAY(fstat(fd, &told));
    close(fd);
}

static void moving(void)
{
    int fd = open("b", O_CREAT | O_RDWR | O_TRUNC, 0600);
    char text[64] = "";
    SAY(write(fd, "hello world", 11));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(lseek(fd, -5, SEEK_END));
    SAY(read(fd, text, 64));
    printf("%s\n", text);
    SAY(pread(fd, text, 5, 0));
    SAY(pwrite(fd, "W", 1, 6));
    SAY(pread(fd, text, 64, 3));
    SAY(lseek(fd, 100, SEEK_SET));
    SAY(read(fd, text, 1));
    SAY(write(fd, "!", 1));
    struct stat told;
    fstat(fd, &told);
    printf("size %ld mode %o links %ld\n", (long)told.st_size, told.st_mode, (long)told.st_nlink);
    memset(text, 'x', sizeof text);
    SAY(pread(fd, text, 64, 50));
    printf("%d %d %d\n", text[0], text[49], text[50]);
    SAY(ftruncate(fd, 4));
    SAY(lseek(fd, 0, SEEK_SET));
    struct iovec in[2] = {{text, 2}, {text + 2, 9}};
    SAY(readv(fd, in, 2));
    printf("%.4s\n", text);
    struct iovec out[3] = {{"ab", 2}, {NULL, 0}, {"cde", 3}};
    SAY(pwritev(fd, out, 3, 1));
    SAY(preadv(fd, in, 2, 0));
    printf("%.6s\n", text);
    SAY(lseek(fd, -1, SEEK_SET));
    SAY(lseek(fd, 0, 9));
    SAY(pread(fd, text, 1, -1));
    SAY(readv(fd, in, IOV_MAX + 1));
    SAY(read(fd, (void *)1, 5));
    SAY(write(fd, (void *)1, 5));
    SAY(fallocate(fd, 0, 0, 1000));
    SAY(lseek(fd, 0, SEEK_END));
    SAY(fsync(fd));
    struct flock lock = {.l_type = F_WRLCK};
    SAY(fcntl(fd, F_SETLK, &lock));
    SAY(fcntl(fd, F_GETLK, &lock));
    lock.l_type = 77;
    SAY(fcntl(fd, F_SETLK, &lock));
    SAY(fcntl(fd, F_SETLK, (void *)8));
    int other = open("c", O_CREAT | O_RDWR, 0600);
    off_t from = 1;
    SAY(sendfile(other, fd, &from, 5));
    SAY(from);
    SAY(lseek(other, 0, SEEK_CUR));
    SAY(copy_file_range(fd, &from, other, NULL, 3, 0));
    SAY(dup2(fd, 77));
    SAY(lseek(77, 5, SEEK_SET));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(dup2(999, 78));
    SAY(dup3(fd, fd, 0));
    SAY(fcntl(fd, F_DUPFD, 90));
    close(90);
    close(77);
    close(fd);
    close(other);
}

static void dots(void)
{
    SAY(rmdir("."));
    SAY(rmdir(".."));
    SAY(rmdir("/"));
    SAY(rmdir("/tmp/."));
    SAY(unlink("."));
    SAY(unlink(".."));
    SAY(rename(".", "x"));
    SAY(mkdir("..", 0700));
}

static void naming(void)
{
    char text[PATH_MAX];
    struct stat told;
    SAY(mkdir("d", 0700));
    SAY(mkdir("d", 0700));
    SAY(mkdir("d/e/f", 0700));
    SAY(mkdir("d/e/", 0700));
    SAY(symlink("../a", "d/link"));
    SAY(symlink("nowhere", "d/dangling"));
    SAY(readlink("d/link", text, sizeof text));
    SAY(readlink("d/link", text, 2));
    SAY(readlink("a", text, sizeof text));
    SAY(lstat("d/link", &told));
    SAY(told.st_size);
    SAY(told.st_mode);
    SAY(open("d/link", O_RDONLY | O_NOFOLLOW));
    SAY(open("d/dangling", O_RDONLY));
    SAY(link("a", "d/hard"));
    SAY(stat("a", &told));
    SAY(told.st_nlink);
    SAY(link("d", "d2"));
    list("d");
    SAY(rename("a", "d/moved"));
    SAY(stat("d/hard", &told));
    SAY(told.st_nlink);
    SAY(rename("d", "d/e/x"));
    SAY(rename("none", "x"));
    SAY(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", 1 /* RENAME_NOREPLACE */));
    SAY(rename("b", "c"));
    SAY(rmdir("d"));
    SAY(unlink("d"));
    SAY(rmdir("c"));
    SAY(chdir("d/e"));
    SAY(strcmp(strrchr(getcwd(text, sizeof text), '/'), "/e"));
    SAY(syscall(SYS_getcwd, text, 2));
    SAY(access("../moved", F_OK));
    SAY(access("../link", F_OK)); /* what it led to was moved */
    SAY(access("../moved", X_OK));
    SAY(chdir("../.."));
    SAY(chdir("c"));
    int folder = open("d", O_RDONLY | O_DIRECTORY);
    SAY(openat(folder, "e", O_RDONLY) >= 0);
    SAY(unlinkat(folder, "moved", 0));
    SAY(unlinkat(folder, "e", 0));
    SAY(unlinkat(folder, "e", AT_REMOVEDIR));
    SAY(read(folder, text, 1));
    SAY(fchdir(folder));
    SAY(chdir(".."));
    close(folder);
    list("d");
    SAY(truncate("d/hard", 1000));
    SAY(chmod("d/hard", 0400));
    SAY(stat("d/hard", &told));
    SAY(told.st_mode);
    struct timespec times[2] = {{1000, 5}, {2000, 7}};
    SAY(utimensat(AT_FDCWD, "d/hard", times, 0));
    SAY(stat("d/hard", &told));
    printf("%ld %ld %ld\n", (long)told.st_atim.tv_nsec, (long)told.st_mtime,
           (long)told.st_mtim.tv_nsec);
    struct statx_head more[8];
    SAY(syscall(SYS_statx, AT_FDCWD, "d/hard", 0, 0x7ff, more));
    printf("%o %llu %u\n", more->mode, (unsigned long long)more->bytes, more->links);
    SAY(truncate("d", 1000));
    SAY(umask(077));
    int fd = open("masked", O_CREAT | O_WRONLY, 0666);
    fstat(fd, &told);
    SAY(told.st_mode);
    SAY(umask(022));
    unlink("masked");
    SAY(write(fd, "still", 5)); /* without a name */
    close(fd);
}

static void special(void)
{
    char text[16];
    int fd = open("/dev/null", O_RDWR);
    SAY(write(fd, "gone", 4));
    SAY(read(fd, text, 4));
    close(fd);
    fd = open("/dev/zero", O_RDWR);
    text[0] = text[15] = 1;
    SAY(read(fd, text, 16));
    SAY(text[0] + text[15]);
    close(fd);
    fd = open("/dev/full", O_RDWR);
    SAY(write(fd, "x", 1));
    close(fd);
    fd = open("/dev/urandom", O_RDONLY);
    SAY(read(fd, text, 16));
    close(fd);
    SAY(open("/proc/self/none", O_RDONLY));
    SAY(open("/proc/self/stat", O_RDONLY) >= 0);
    fd = (int)syscall(SYS_memfd_create, "memory", 1 /* MFD_CLOEXEC */);
    SAY(write(fd, "abc", 3));
    SAY(pread(fd, text, 9, 1));
    close(fd);
    struct statfs statfs_;
    SAY(statfs("/proc/self", &statfs_));
    SAY(statfs_.f_type == 0x9fa0);
}

int main(void)
{
    char base[] = "/tmp/mf-files-XXXXXX";
    umask(022);
    if (!mkdtemp(base) || chdir(base) != 0)
        return 1;
    opening();
    moving();
    dots();
    naming();
    special();
    list(".");
    SAY(unlink("c"));
    SAY(unlink("d/hard"));
    SAY(unlink("d/link"));
    SAY(unlink("d/dangling"));
    SAY(rmdir("d"));
    list(".");
    SAY(chdir("/"));
    SAY(rmdir(base));
    return 0;
}
