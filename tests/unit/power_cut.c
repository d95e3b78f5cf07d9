/* power_cut.c: see power_cut.h. */
#include "power_cut.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512u

enum note_kind { WRITE, SYNC, STEADY };

struct note {
    enum note_kind kind;
    bool at_once; /* a write through O_DSYNC: safe when it returns */
    off_t offset;
    size_t bytes;
    uint8_t *data; /* of STEADY: the whole file */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char watched[256];
static struct note *notes;
static size_t count, room;

static bool is_watched(int fd)
{
    struct stat of_fd, of_path;
    return watched[0] && fstat(fd, &of_fd) == 0 && stat(watched, &of_path) == 0 &&
           of_fd.st_ino == of_path.st_ino && of_fd.st_dev == of_path.st_dev;
}

static void note(struct note what, const void *data)
{
    (void)pthread_mutex_lock(&lock);
    if (count == room) {
        room = room ? 2 * room : 4096;
        notes = realloc(notes, room * sizeof *notes);
        if (!notes)
            abort();
    }
    if (what.bytes) {
        what.data = malloc(what.bytes);
        if (!what.data)
            abort();
        memcpy(what.data, data, what.bytes);
    }
    notes[count++] = what;
    (void)pthread_mutex_unlock(&lock);
}

void power_cut_watch(const char *path)
{
    (void)snprintf(watched, sizeof watched, "%s", path);
}

void power_cut_unwatch(void)
{
    watched[0] = 0;
}

void power_cut_forget(void)
{
    while (count)
        free(notes[--count].data);
    free(notes);
    notes = NULL;
    room = 0;
}

size_t power_cut_now(void)
{
    (void)pthread_mutex_lock(&lock);
    size_t now = count;
    (void)pthread_mutex_unlock(&lock);
    return now;
}

/* ---- in the place of the C library's; they make the system calls themselves ---- */

static bool is_at_once(int fd)
{
    return (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    ssize_t wrote = syscall(SYS_pwrite64, fd, data, bytes, offset);
    if (wrote > 0 && is_watched(fd))
        note((struct note){WRITE, is_at_once(fd), offset, (size_t)wrote, NULL}, data);
    return wrote;
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset);
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset)
{
    return pwrite(fd, data, bytes, offset);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    off_t offset = is_watched(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t wrote = syscall(SYS_write, fd, data, bytes);
    if (wrote > 0 && is_watched(fd))
        note((struct note){WRITE, is_at_once(fd), offset, (size_t)wrote, NULL}, data);
    return wrote;
}

ssize_t writev(int fd, const struct iovec *pieces, int pieces_count)
{
    off_t offset = is_watched(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t wrote = syscall(SYS_writev, fd, pieces, pieces_count);
    size_t left = wrote > 0 && is_watched(fd) ? (size_t)wrote : 0;
    for (int i = 0; i < pieces_count && left; i++) {
        size_t bytes = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        note((struct note){WRITE, is_at_once(fd), offset, bytes, NULL}, pieces[i].iov_base);
        offset += (off_t)bytes;
        left -= bytes;
    }
    return wrote;
}

int fdatasync(int fd)
{
    bool ours = is_watched(fd);
    size_t before = power_cut_now();
    int result = (int)syscall(SYS_fdatasync, fd);
    if (ours && result == 0) /* it vouches for what was there when it began */
        note((struct note){SYNC, false, (off_t)before, 0, NULL}, NULL);
    return result;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    static uint8_t data[65536];
    int result = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
    const char *dot = strrchr(to, '.');
    if (result == 0 && watched[0] && dot && strcmp(dot, ".steady") == 0) {
        int fd = openat(to_fd, to, O_RDONLY | O_CLOEXEC);
        ssize_t got = read(fd, data, sizeof data);
        (void)close(fd);
        if (got > 0)
            note((struct note){STEADY, false, 0, (size_t)got, NULL}, data);
    }
    return result;
}

/* ---- the cut ---- */


static void put(int fd, const struct note *what, bool all, unsigned *seed)
{
    for (size_t at = 0; at < what->bytes; at += SECTOR) {
        size_t bytes = what->bytes - at < SECTOR ? what->bytes - at : SECTOR;
        if (all || rand_r(seed) & 1)
            if (syscall(SYS_pwrite64, fd, what->data + at, bytes, what->offset + (off_t)at) < 0)
                abort();
    }
}

void power_cut_leave(const char *path, size_t moment, unsigned seed)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    off_t end = 0;
    if (fd < 0)
        abort();
    bool *safe = calloc(moment + 1, sizeof *safe);
    size_t synced_below = 0;
    for (size_t i = moment; safe && i-- > 0;) {
        if (notes[i].kind == SYNC && (size_t)notes[i].offset > synced_below)
            synced_below = (size_t)notes[i].offset;
        safe[i] = notes[i].at_once || i < synced_below;
    }
    for (size_t i = 0; i < moment; i++) {
        if (notes[i].kind != WRITE)
            continue;
        put(fd, &notes[i], safe[i], &seed);
        if (notes[i].offset + (off_t)notes[i].bytes > end)
            end = notes[i].offset + (off_t)notes[i].bytes;
    }
    if (ftruncate(fd, end) != 0) /* sizes are a journal's: with the writes they belong to */
        abort();
    free(safe);
    (void)close(fd);
}

bool power_cut_leave_steady(const char *path, size_t moment)
{
    for (size_t i = moment; i-- > 0;) {
        if (notes[i].kind != STEADY)
            continue;
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        bool whole = fd >= 0 && syscall(SYS_write, fd, notes[i].data, notes[i].bytes) == (long)notes[i].bytes;
        (void)close(fd);
        return whole;
    }
    return false;
}
