/*
 * lmdb_file.c: LMDB's environment, and its errors in our words.
 * Guarantees: a file that lacks pages which are in use, or none of LMDB's, is refused, as
 * reading it would be SIGBUS, and so is one whose heads, roots or free pages cannot be. What LMDB does
 * not check else (pages in the midst of the file) it believes: records carry their own checks.
 */
#include "node/store/lmdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "node/store/lmdb_head.h"
#include "node/store/lmdb_steady.h"
#include "node/store/lmdb_tail.h"

static mf_err open_env(struct lmdb_file *file, struct mf_why *why);

mf_err lmdb_file_open(struct lmdb_file *file, const char *directory, const char *name, bool loose,
                      uint64_t bytes_max, struct mf_why *why)
{
    *file = (struct lmdb_file){.write = {.tables = {&lmdb_tables_kind}, .file = file},
                               .read = {.tables = {&lmdb_tables_kind}, .file = file},
                               .dir_fd = -1,
                               .loose = loose,
                               .bytes_max = bytes_max ? bytes_max : MF_STORE_FILE_BYTES_MAX};
    int length = snprintf(file->path, sizeof file->path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof file->path)
        return mf_why(why, MF_ETOOBIG, "the store's path is too long");
    file->name = file->path + length - strlen(name);
    file->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->dir_fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot open %s: %s", directory,
                      strerror(errno));
    mf_err err = loose ? lmdb_steady_restore(file->dir_fd, name, why) : MF_OK;
    if (!err)
        err = open_env(file, why);
    if (err)
        lmdb_file_close(file);
    else
        file->walled = !lmdb_file_take_reserve(file);
    return err;
}

static void close_env(struct lmdb_file *file)
{
    if (file->read.cursor)
        mdb_cursor_close(file->read.cursor);
    if (file->read.txn)
        mdb_txn_abort(file->read.txn);
    if (file->steady)
        mdb_txn_abort(file->steady);
    if (file->counting)
        mdb_txn_abort(file->counting);
    if (file->env)
        mdb_env_close(file->env);
    file->read.cursor = NULL;
    file->read.txn = NULL;
    file->steady = file->counting = NULL;
    file->env = NULL;
}

void lmdb_file_close(struct lmdb_file *file)
{
    close_env(file);
    if (file->dir_fd >= 0)
        (void)close(file->dir_fd);
    file->dir_fd = -1;
}

uint64_t lmdb_file_map_bytes(uint64_t bytes)
{
    uint64_t unit = MF_STORE_FILE_BYTES_MIN;
    return (bytes + unit - 1) / unit * unit;
}

/* What its head counts must be there, but for free pages at the end, which LMDB may never have
 * written. They become zeros that take no place, so that reading one is harmless. */
static mf_err check_length(struct lmdb_file *file, struct mf_why *why)
{
    MDB_envinfo info;
    MDB_stat stat_of;
    struct stat stat;
    int fd;
    if (mdb_env_info(file->env, &info) || mdb_env_stat(file->env, &stat_of) ||
        mdb_env_get_fd(file->env, &fd) || fstat(fd, &stat) != 0)
        return mf_why(why, MF_EIO, "cannot look at %s", file->path);
    uint64_t bytes = (uint64_t)stat.st_size;
    uint64_t least = ((uint64_t)info.me_last_pgno + 1) * stat_of.ms_psize;
    if (bytes == 0 || info.me_last_txnid == 0)
        return MF_OK;
    mf_err err = lmdb_tail_check(fd, bytes, stat_of.ms_psize, info.me_last_pgno);
    if (err == MF_EFORMAT && bytes >= least)
        return mf_why(why, err,
                      "%s is damaged: its list of free pages is none; with it moved away, the node starts with an "
                      "empty store", file->path);
    if (err == MF_EFORMAT)
        return mf_why(why, err,
                      "%s is damaged: it has %llu bytes and should have %llu; with it moved away, "
                      "the node starts with an empty store", file->path, (unsigned long long)bytes,
                      (unsigned long long)least);
    if (!err && bytes < least && ftruncate(fd, (off_t)least) != 0)
        err = mf_err_from_errno(errno);
    return err ? mf_why(why, err, "cannot read or lengthen %s", file->path) : MF_OK;
}

/* Before LMDB reads it. */
static mf_err check_head(const struct lmdb_file *file, uint64_t bytes, struct mf_why *why)
{
    int fd = openat(file->dir_fd, file->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return mf_why(why, MF_EIO, "cannot open %s: %s", file->path, strerror(errno));
    mf_err err = lmdb_head_check(fd, bytes);
    (void)close(fd);
    if (err == MF_EFORMAT)
        return mf_why(why, err, "%s is damaged: its head says what cannot be; with it moved away, the node starts "
                      "with an empty store", file->path);
    return err ? mf_why(why, err, "cannot read %s", file->path) : MF_OK;
}

static mf_err open_dbi(struct lmdb_file *file)
{
    MDB_txn *txn;
    int error = mdb_txn_begin(file->env, NULL, 0, &txn);
    if (!error)
        error = mdb_dbi_open(txn, NULL, 0, &file->dbi);
    else
        return lmdb_file_fail(file, error);
    if (error)
        mdb_txn_abort(txn);
    else
        error = mdb_txn_commit(txn);
    return error ? lmdb_file_fail(file, error) : MF_OK;
}

static mf_err open_env(struct lmdb_file *file, struct mf_why *why)
{
    struct stat stat = {0};
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (file->loose ? MDB_NOSYNC : 0);
    if (fstatat(file->dir_fd, file->name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISREG(stat.st_mode))
        return mf_why(why, MF_EFORMAT, "%s is no file", file->path);
    mf_err err = stat.st_size > 0 ? check_head(file, (uint64_t)stat.st_size, why) : MF_OK;
    if (err)
        return err;
    uint64_t bytes = lmdb_file_map_bytes((uint64_t)stat.st_size);
    int error = mdb_env_create(&file->env);
    if (!error)
        error = mdb_env_set_mapsize(file->env, bytes ? bytes : MF_STORE_FILE_BYTES_MIN);
    if (!error)
        error = mdb_env_open(file->env, file->path, flags, 0600);
    if (error) {
        err = lmdb_file_fail(file, error);
        close_env(file);
        return mf_why(why, err, "%s: %s%s", file->path, mdb_strerror(error),
                      err == MF_EFORMAT ? "; with it moved away, the node starts with an empty store"
                                        : "");
    }
    int fd; /* LMDB 0.9.24 lets programs that are started inherit it */
    if (mdb_env_get_fd(file->env, &fd) == 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    err = check_length(file, why);
    if (!err)
        err = open_dbi(file);
    if (!err && file->loose)
        err = lmdb_file_sync(file);
    if (err)
        close_env(file);
    file->broken = false;
    return err;
}

/* ---- transactions ---- */

mf_err lmdb_file_fail(struct lmdb_file *file, int error)
{
    switch (error) {
    case MDB_NOTFOUND:
        return MF_ENOENT;
    case MDB_MAP_FULL:
        file->full = true;
        return MF_EFULL;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return MF_EFULL;
    case ENOMEM:
        return MF_ENOMEM;
    case MDB_PANIC:
        file->broken = true;
        return MF_EIO;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_DBI:
    case MDB_CURSOR_FULL: /* a tree that is deeper than any: it has a circle */
    case MDB_PAGE_FULL:
        return MF_EFORMAT;
    default:
        return MF_EIO;
    }
}

mf_err lmdb_file_be_open(struct lmdb_file *file)
{
    struct mf_why why = {{0}};
    if (file->env && !file->broken)
        return MF_OK;
    close_env(file);
    mf_err err = open_env(file, &why);
    mf_log(err ? MF_LOG_ERROR : MF_LOG_WARN, "store.reopened", "file=%s why=\"%s\"", file->name,
           mf_why_text(&why, err));
    return err;
}

mf_err lmdb_file_begin_read(struct lmdb_file *file)
{
    struct lmdb_view *view = &file->read;
    if (!file->env || file->broken)
        return MF_EIO;
    int error = view->txn ? mdb_txn_renew(view->txn)
                          : mdb_txn_begin(file->env, NULL, MDB_RDONLY, &view->txn);
    if (error)
        return lmdb_file_fail(file, error);
    error = view->cursor ? mdb_cursor_renew(view->txn, view->cursor)
                         : mdb_cursor_open(view->txn, file->dbi, &view->cursor);
    if (error) {
        mdb_txn_reset(view->txn);
        return lmdb_file_fail(file, error);
    }
    return MF_OK;
}

void lmdb_file_end_read(struct lmdb_file *file)
{
    mdb_txn_reset(file->read.txn);
}

mf_err lmdb_file_begin(struct lmdb_file *file)
{
    struct lmdb_view *view = &file->write;
    file->full = false;
    if (!file->env || file->broken)
        return MF_EIO;
    int error = mdb_txn_begin(file->env, NULL, 0, &view->txn);
    if (!error) {
        error = mdb_cursor_open(view->txn, file->dbi, &view->cursor);
        if (error)
            mdb_txn_abort(view->txn);
    }
    if (error)
        view->txn = NULL;
    return error ? lmdb_file_fail(file, error) : MF_OK;
}

/* LMDB says EIO, too, when a write ended early because the disk is full. */
static bool is_disk_full(const struct lmdb_file *file)
{
    struct statvfs stat;
    return fstatvfs(file->dir_fd, &stat) == 0 &&
           stat.f_bavail < MF_QUEUE_BATCH_BYTES_MAX / stat.f_frsize;
}

mf_err lmdb_file_commit(struct lmdb_file *file)
{
    size_t transaction = mdb_txn_id(file->write.txn);
    int error = mdb_txn_commit(file->write.txn); /* its cursor ends with it */
    file->write.txn = NULL;
    file->write.cursor = NULL;
    if (error == EIO && is_disk_full(file))
        error = ENOSPC;
    if (!error && file->loose)
        lmdb_file_count_held(file, transaction);
    return error ? lmdb_file_fail(file, error) : MF_OK;
}

void lmdb_file_abort(struct lmdb_file *file)
{
    mdb_txn_abort(file->write.txn);
    file->write.txn = NULL;
    file->write.cursor = NULL;
}

mf_err lmdb_file_sync(struct lmdb_file *file)
{
    if (!file->env || file->broken)
        return MF_EIO;
    file->held_bytes = 0; /* if this fails, again after as much more */
    int error = mdb_env_sync(file->env, 1);
    if (!error && file->loose)
        return lmdb_steady_keep(file);
    return error ? lmdb_file_fail(file, error) : MF_OK;
}
