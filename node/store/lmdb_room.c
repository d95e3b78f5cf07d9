/*
 * lmdb_room.c: how much room a file has: its map's growth, its wall (lmdb_file.h), and the pages that
 * nobody uses and that cannot be used again yet.
 */
#include "node/store/lmdb_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

mf_err lmdb_file_grow(struct lmdb_file *file)
{
    MDB_envinfo info;
    if (!file->env || file->broken)
        return MF_EIO;
    if (mdb_env_info(file->env, &info))
        return MF_EIO;
    if (info.me_mapsize >= file->bytes_max)
        return MF_EFULL;
    uint64_t bytes = info.me_mapsize * 2 < file->bytes_max ? info.me_mapsize * 2 : file->bytes_max;
    int error = mdb_env_set_mapsize(file->env, bytes);
    mf_log(MF_LOG_INFO, "store.grows", "file=%s mib=%llu", file->name,
           (unsigned long long)(bytes >> 20));
    return error ? lmdb_file_fail(file, error) : MF_OK;
}

/* ---- what is held ---- */

/* LMDB lists what a transaction has freed under its number. What cannot be read counts as much. */
void lmdb_file_count_held(struct lmdb_file *file, size_t transaction)
{
    MDB_cursor *cursor;
    MDB_val key = {sizeof transaction, &transaction}, data;
    MDB_stat stat_of;
    size_t pages = 0;
    int error = file->counting ? mdb_txn_renew(file->counting)
                               : mdb_txn_begin(file->env, NULL, MDB_RDONLY, &file->counting);
    if (!error) {
        error = mdb_cursor_open(file->counting, 0, &cursor);
        if (!error) {
            error = mdb_cursor_get(cursor, &key, &data, MDB_SET);
            mdb_cursor_close(cursor);
        }
        if (!error)
            memcpy(&pages, data.mv_data, sizeof pages);
        mdb_txn_reset(file->counting);
    }
    if (mdb_env_stat(file->env, &stat_of) || (error && error != MDB_NOTFOUND))
        file->held_bytes = MF_STORE_HELD_BYTES;
    else
        file->held_bytes += (uint64_t)pages * stat_of.ms_psize;
}

bool lmdb_file_holds_much(const struct lmdb_file *file)
{
    return file->held_bytes >= MF_STORE_HELD_BYTES;
}

/* ---- the wall ---- */

static int open_reserve(struct lmdb_file *file)
{
    char name[NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%s.reserve", file->name);
    return openat(file->dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

bool lmdb_file_take_reserve(struct lmdb_file *file)
{
    int fd = open_reserve(file);
    if (fd < 0)
        return false;
    bool taken = posix_fallocate(fd, 0, MF_STORE_RESERVE_BYTES) == 0;
    if (!taken)
        (void)ftruncate(fd, 0);
    (void)close(fd);
    return taken;
}

static void give_reserve(struct lmdb_file *file)
{
    int fd = open_reserve(file);
    if (fd < 0)
        return;
    (void)ftruncate(fd, 0);
    (void)close(fd);
}

/* How much of the file is in use or free in it; and of that, free. */
static mf_err count_pages(struct lmdb_file *file, uint64_t *used_bytes, uint64_t *free_bytes)
{
    MDB_envinfo info;
    MDB_stat stat_of;
    MDB_cursor *cursor;
    MDB_val key, data;
    if (!file->env || file->broken || mdb_env_info(file->env, &info) ||
        mdb_env_stat(file->env, &stat_of))
        return MF_EIO;
    *used_bytes = ((uint64_t)info.me_last_pgno + 1) * stat_of.ms_psize;
    *free_bytes = 0;
    mf_err err = lmdb_file_begin_read(file);
    if (err)
        return err;
    int error = mdb_cursor_open(file->read.txn, 0, &cursor); /* database 0: lists of free pages */
    if (!error) {
        while (!(error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT))) {
            size_t pages;
            memcpy(&pages, data.mv_data, sizeof pages);
            *free_bytes += (uint64_t)pages * stat_of.ms_psize;
        }
        mdb_cursor_close(cursor);
    }
    lmdb_file_end_read(file);
    return error == MDB_NOTFOUND ? MF_OK : MF_EIO;
}

mf_err lmdb_file_at_wall(struct lmdb_file *file, bool grows)
{
    uint64_t used_bytes, free_bytes;
    mf_err err = count_pages(file, &used_bytes, &free_bytes);
    if (err)
        return err;
    if (grows && free_bytes < MF_STORE_RESERVE_BYTES)
        return MF_EFULL;
    if (!grows)
        give_reserve(file);
    int error = mdb_env_set_mapsize(file->env,
                                    grows ? used_bytes : used_bytes + MF_STORE_RESERVE_BYTES);
    return error ? lmdb_file_fail(file, error) : MF_OK;
}

void lmdb_file_try_unwall(struct lmdb_file *file)
{
    uint64_t used_bytes, free_bytes;
    if (count_pages(file, &used_bytes, &free_bytes) ||
        used_bytes + MF_STORE_RESERVE_BYTES > file->bytes_max || !lmdb_file_take_reserve(file))
        return;
    uint64_t bytes = lmdb_file_map_bytes(used_bytes + MF_STORE_RESERVE_BYTES);
    if (mdb_env_set_mapsize(file->env, bytes < file->bytes_max ? bytes : file->bytes_max))
        return;
    file->walled = false;
}
