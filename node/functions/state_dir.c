/*
 * state_dir.c: files that appear whole or not at all.
 * Owns the directory's descriptors and its lock.
 */
#include "node/functions/state_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".tmp-" /* of a file that is not whole yet */
#define NAME_ROOM (NAME_MAX + 1)

static mf_err make_path(const char *path, struct mf_why *why);
static mf_err make_private(const struct state_dir *state, struct mf_why *why);
static mf_err take_lock(struct state_dir *state, struct mf_why *why);
static mf_err open_part(int dir_fd, const char *name, int *fd, struct mf_why *why);
static void sweep(int dir_fd);

static mf_err fail(struct mf_why *why, const char *doing, const char *name)
{
    int error = errno;
    mf_err err = mf_err_from_errno(error);
    if (error == ENOSPC || error == EDQUOT)
        return mf_why(why, MF_EFULL, "%s %s: the disk is full; make room and try again", doing,
                      name);
    return mf_why(why, err, "%s %s: %s", doing, name, strerror(error));
}

mf_err state_dir_open(const char *path, struct state_dir *state, struct mf_why *why)
{
    *state = (struct state_dir){.lock_fd = -1, .dir_fd = -1, .images_fd = -1, .functions_fd = -1,
                                .workflows_fd = -1, .snapshots_fd = -1, .logs_fd = -1, .store_fd = -1};
    if (strlen(path) >= sizeof state->path)
        return mf_why(why, MF_ETOOBIG, "the state directory's path is too long");
    memcpy(state->path, path, strlen(path) + 1);
    mf_err err = make_path(path, why);
    if (err)
        return err;
    state->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state->dir_fd < 0)
        return fail(why, "open", path);
    err = make_private(state, why);
    if (!err)
        err = take_lock(state, why);
    if (!err)
        err = open_part(state->dir_fd, "images", &state->images_fd, why);
    if (!err)
        err = open_part(state->dir_fd, "functions", &state->functions_fd, why);
    if (!err)
        err = open_part(state->dir_fd, "workflows", &state->workflows_fd, why);
    if (!err)
        err = open_part(state->dir_fd, "snapshots", &state->snapshots_fd, why);
    if (!err)
        err = open_part(state->dir_fd, "logs", &state->logs_fd, why);
    if (!err)
        err = open_part(state->dir_fd, "store", &state->store_fd, why);
    if (err) {
        state_dir_close(state);
        return err;
    }
    sweep(state->images_fd);
    sweep(state->functions_fd);
    sweep(state->workflows_fd);
    sweep(state->snapshots_fd);
    return MF_OK;
}

void state_dir_close(struct state_dir *state)
{
    int *const fds[] = {&state->store_fd,     &state->logs_fd,   &state->snapshots_fd,
                        &state->functions_fd, &state->images_fd, &state->dir_fd,
                        &state->workflows_fd, &state->lock_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
}

static mf_err write_all(int fd, const uint8_t *data, size_t bytes)
{
    while (bytes) {
        ssize_t wrote = write(fd, data, bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return MF_EIO;
        data += wrote;
        bytes -= (size_t)wrote;
    }
    return MF_OK;
}

mf_err state_write(int dir_fd, const char *name, const void *data, size_t bytes,
                   struct mf_why *why)
{
    char temporary[NAME_ROOM];
    int length = snprintf(temporary, sizeof temporary, TEMPORARY "%s", name);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return mf_why(why, MF_ETOOBIG, "file name too long: %s", name);
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(why, "cannot create", name);
    mf_err err = MF_OK;
    if (write_all(fd, data, bytes) || fsync(fd) != 0)
        err = fail(why, "cannot write", name);
    if (close(fd) != 0 && !err)
        err = fail(why, "cannot write", name);
    if (!err && renameat(dir_fd, temporary, dir_fd, name) != 0)
        err = fail(why, "cannot put in place", name);
    if (err)
        (void)unlinkat(dir_fd, temporary, 0);
    else if (fsync(dir_fd) != 0)
        err = fail(why, "cannot sync the directory of", name);
    return err;
}

/* All of an open file; closes it. */
static mf_err read_all(int fd, const char *name, size_t bytes_max, struct mf_buf *out,
                       struct mf_why *why)
{
    uint8_t piece[4096];
    mf_err err = MF_OK;
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            err = fail(why, "cannot read", name);
        else if (out->bytes + (size_t)got > bytes_max)
            err = mf_why(why, MF_ETOOBIG, "%s is larger than %zu bytes", name, bytes_max);
        else if (got > 0)
            err = mf_buf_add(out, piece, (size_t)got);
        if (err || got <= 0)
            break;
    }
    (void)close(fd);
    return err;
}

mf_err state_read(int dir_fd, const char *name, size_t bytes_max, struct mf_buf *out,
                  struct mf_why *why)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail(why, "cannot open", name) : read_all(fd, name, bytes_max, out, why);
}

mf_err state_read_secret(const char *path, size_t bytes_max, struct mf_buf *out,
                         struct mf_why *why)
{
    struct stat stat;
    mf_err err = MF_OK;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); /* a FIFO would block */
    if (fd < 0)
        return fail(why, "cannot open", path);
    if (fstat(fd, &stat) != 0)
        err = fail(why, "cannot look at", path);
    else if (!S_ISREG(stat.st_mode))
        err = mf_why(why, MF_EINVAL, "%s is no file", path);
    else if (stat.st_uid != geteuid() && stat.st_uid != 0)
        err = mf_why(why, MF_EDENIED, "%s belongs to somebody else, who can read and change it",
                     path);
    else if (stat.st_mode & 077)
        err = mf_why(why, MF_EDENIED, "%s is open to others (mode %03o); `chmod 600 %s` closes it",
                     path, (unsigned)(stat.st_mode & 0777), path);
    if (!err)
        return read_all(fd, path, bytes_max, out, why);
    (void)close(fd);
    return err;
}

mf_err state_remove(int dir_fd, const char *name, struct mf_why *why)
{
    if (unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT)
        return fail(why, "cannot remove", name);
    if (fsync(dir_fd) != 0)
        return fail(why, "cannot sync the directory of", name);
    return MF_OK;
}

mf_err state_list(int dir_fd, void (*visit)(const char *name, void *context), void *context)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        mf_err err = mf_err_from_errno(errno);
        if (fd >= 0)
            (void)close(fd);
        return err;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            visit(entry->d_name, context);
    (void)closedir(dir);
    return MF_OK;
}

/* mkdir -p, private. */
static mf_err make_path(const char *path, struct mf_why *why)
{
    char part[PATH_MAX];
    memcpy(part, path, strlen(path) + 1);
    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return fail(why, "cannot create", part);
        *at = '/';
    }
    if (mkdir(part, 0700) != 0 && errno != EEXIST)
        return fail(why, "cannot create", part);
    return MF_OK;
}

mf_err state_subdir(const struct state_dir *state, const char *name, struct mf_why *why)
{
    if (mkdirat(state->dir_fd, name, 0700) != 0 && errno != EEXIST)
        return fail(why, "cannot create", name);
    return MF_OK;
}

static void note(const char *name, void *context)
{
    (void)name;
    *(bool *)context = true;
}

/* Closed to others; but --state /var/lib must not close that. */
static mf_err make_private(const struct state_dir *state, struct mf_why *why)
{
    struct stat stat;
    bool used = false;
    if (fstat(state->dir_fd, &stat) != 0)
        return fail(why, "cannot look at", state->path);
    if ((stat.st_mode & 0777) == 0700)
        return MF_OK;
    mf_err err = state_list(state->dir_fd, note, &used);
    if (err)
        return mf_why(why, err, "cannot read %s", state->path);
    if (used && faccessat(state->dir_fd, "functions", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return mf_why(why, MF_EEXIST,
                      "%s holds other things, open to others; give a directory of its own",
                      state->path);
    return fchmod(state->dir_fd, 0700) == 0 ? MF_OK : fail(why, "cannot make private:", state->path);
}

static mf_err take_lock(struct state_dir *state, struct mf_why *why)
{
    char text[32] = "";
    int fd = openat(state->dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(why, "cannot create", "the lock file");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t got = read(fd, text, sizeof text - 1);
        text[got > 0 ? strcspn(text, "\n") : 0] = 0;
        (void)close(fd);
        return mf_why(why, MF_EEXIST,
                      "%s belongs to a node that runs, process %s; stop it, or give another --state",
                      state->path, text[0] ? text : "unknown");
    }
    state->lock_fd = fd;
    int bytes = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)bytes, 0) != bytes)
        return fail(why, "cannot write", "the lock file");
    return MF_OK;
}

static mf_err open_part(int dir_fd, const char *name, int *fd, struct mf_why *why)
{
    if (mkdirat(dir_fd, name, 0700) != 0 && errno != EEXIST)
        return fail(why, "cannot create", name);
    *fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? fail(why, "cannot open", name) : MF_OK;
}

static void sweep(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, TEMPORARY, sizeof TEMPORARY - 1) == 0)
            (void)unlinkat(dir_fd, entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
    else if (fd >= 0)
        (void)close(fd);
}
