/*
 * root_folder.c: see root_folder.h. Walks by descriptors, so that a folder that is changed
 * meanwhile cannot lead elsewhere.
 */
#include "image/root_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536u
#define SET_ID_BITS (S_ISUID | S_ISGID)

/* A file that has other names, and the first of them that we came by. */
struct seen {
    dev_t device;
    ino_t inode;
    char *path;
};

struct walk {
    struct root_tree *tree;
    const struct root_ears *ears;
    char path[PATH_MAX]; /* in the root */
    struct seen *seen;
    size_t seen_count;
    int64_t latest_s;
    uint8_t piece[PIECE_BYTES];
};

static mf_err add_all(struct walk *walk, int folder, unsigned depth, struct mf_why *why);

static int64_t latest_time(void)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    char *end;
    long long value = text && *text ? strtoll(text, &end, 10) : -1;
    return value >= 0 && !*end ? value : INT64_MAX;
}

mf_err root_add_folder(struct root_tree *tree, const char *path, const struct root_ears *ears,
                       struct mf_why *why)
{
    struct walk *walk = calloc(1, sizeof *walk);
    if (!walk)
        return MF_ENOMEM;
    walk->tree = tree;
    walk->ears = ears;
    walk->latest_s = latest_time();
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mf_err err = MF_OK;
    if (folder < 0)
        err = mf_why(why, mf_err_from_errno(errno), "%s: %s", path, strerror(errno));
    else
        err = add_all(walk, folder, 0, why);
    for (size_t i = 0; i < walk->seen_count; i++)
        free(walk->seen[i].path);
    free(walk->seen);
    free(walk);
    return err;
}

static mf_err refuse(const struct walk *walk, struct mf_why *why)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "/%.300s: %s", walk->path, strerror(error));
}

static void leave_out(const struct walk *walk, const char *what)
{
    char sentence[PATH_MAX + 64];
    (void)snprintf(sentence, sizeof sentence, "/%s: %s", walk->path, what);
    walk->ears->left_out(walk->ears->context, sentence);
}

/* Its first name, if it has been here under another one. */
static const char *other_name(const struct walk *walk, const struct stat *status)
{
    for (size_t i = 0; status->st_nlink > 1 && i < walk->seen_count; i++)
        if (walk->seen[i].inode == status->st_ino && walk->seen[i].device == status->st_dev)
            return walk->seen[i].path;
    return NULL;
}

static mf_err remember(struct walk *walk, const struct stat *status)
{
    if (status->st_nlink < 2)
        return MF_OK;
    struct seen *grown = reallocarray(walk->seen, walk->seen_count + 1, sizeof *grown);
    if (!grown)
        return MF_ENOMEM;
    walk->seen = grown;
    char *path = strdup(walk->path);
    if (!path)
        return MF_ENOMEM;
    walk->seen[walk->seen_count++] = (struct seen){status->st_dev, status->st_ino, path};
    return MF_OK;
}

static mf_err copy_content(struct walk *walk, int fd, struct root_node *node, struct mf_why *why)
{
    for (;;) {
        ssize_t got = read(fd, walk->piece, sizeof walk->piece);
        if (got < 0)
            return refuse(walk, why);
        if (got == 0)
            return MF_OK;
        mf_err err = root_tree_append(walk->tree, node, walk->piece, (size_t)got, why);
        if (err)
            return err;
    }
}

static mf_err add_file(struct walk *walk, int folder, const char *name, struct mf_why *why)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse(walk, why);
    struct stat status;
    struct root_node *node;
    mf_err err = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? MF_OK : refuse(walk, why);
    const char *other = err ? NULL : other_name(walk, &status);
    if (other) {
        err = root_tree_another(walk->tree, walk->path, other, why);
    } else if (!err) {
        int64_t time = status.st_mtim.tv_sec;
        err = root_tree_file(walk->tree, walk->path, status.st_mode,
                             time < walk->latest_s ? time : walk->latest_s, &node, why);
        if (!err)
            err = copy_content(walk, fd, node, why);
        if (!err)
            err = remember(walk, &status);
        if (status.st_mode & SET_ID_BITS)
            leave_out(walk, "its set-id bits are left out: a guest has one user");
    }
    (void)close(fd);
    return err;
}

static mf_err add_link(struct walk *walk, int folder, const char *name, struct mf_why *why)
{
    char target[MF_ROOT_TARGET_MAX + 1];
    ssize_t bytes = readlinkat(folder, name, target, sizeof target);
    if (bytes < 0)
        return refuse(walk, why);
    if ((size_t)bytes >= sizeof target)
        return mf_why(why, MF_ETOOBIG, "/%.300s: its target has more than %u bytes", walk->path,
                      MF_ROOT_TARGET_MAX);
    target[bytes] = '\0';
    return root_tree_link(walk->tree, walk->path, target, why);
}

static mf_err add_folder(struct walk *walk, int parent, const char *name, unsigned depth,
                         struct mf_why *why)
{
    struct stat status;
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 || fstat(folder, &status) != 0) {
        mf_err err = refuse(walk, why);
        if (folder >= 0)
            (void)close(folder);
        return err;
    }
    mf_err err = root_tree_folder(walk->tree, walk->path, status.st_mode, why);
    if (!err)
        return add_all(walk, folder, depth, why);
    (void)close(folder);
    return err;
}

static mf_err add_one(struct walk *walk, int folder, const char *name, unsigned depth,
                      struct mf_why *why)
{
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(walk, why);
    switch (status.st_mode & S_IFMT) {
    case S_IFREG:
        return add_file(walk, folder, name, why);
    case S_IFLNK:
        return add_link(walk, folder, name, why);
    case S_IFDIR:
        return add_folder(walk, folder, name, depth + 1, why);
    default:
        leave_out(walk, "left out: no regular file, folder or link");
        return MF_OK;
    }
}

static int no_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Of an open folder, which is closed. In one order, so that contents follow in it, too. */
static mf_err add_all(struct walk *walk, int folder, unsigned depth, struct mf_why *why)
{
    struct dirent **entry = NULL;
    size_t base = strlen(walk->path);
    mf_err err = MF_OK;
    int count = scandirat(folder, ".", &entry, no_dots, by_bytes);
    if (count < 0)
        err = refuse(walk, why);
    if (depth >= MF_ROOT_DEPTH_MAX)
        err = mf_why(why, MF_ETOOBIG, "/%.300s is more than %u folders deep", walk->path, MF_ROOT_DEPTH_MAX);
    for (int i = 0; i < count; i++) {
        if (!err && (size_t)snprintf(walk->path + base, sizeof walk->path - base, "%s%s", base ? "/" : "",
                                     entry[i]->d_name) >= sizeof walk->path - base)
            err = mf_why(why, MF_ETOOBIG, "/%.300s: the path is too long", walk->path);
        if (!err)
            err = add_one(walk, folder, entry[i]->d_name, depth, why);
        walk->path[base] = '\0';
        free(entry[i]);
    }
    free(entry);
    (void)close(folder);
    return err;
}
