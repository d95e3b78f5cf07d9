/*
 * lmdb_file.h: one file of LMDB as tables: opened, checked, its transactions, its growth.
 * One thread writes; another may read meanwhile. What is marked (lock) must exclude reading:
 * the caller has a lock for that.
 *
 * Two ways to be safe:
 *   synced  every commit is on the disk when it returns. LMDB's own order (pages, then the
 *           head that points to them) keeps the file whole whatever happens.
 *   loose   a commit is in the operating system's hands. The order in which it writes pages
 *           is its own, so a power cut may leave a head that points to pages that are not
 *           there. So each lmdb_sync() keeps a copy of the head it made safe in NAME.steady,
 *           and a reader holds that state's pages until the next one. The first open after
 *           a boot puts that head back.
 *
 * A full file: LMDB writes a changed page anew, so even an acknowledgement needs room. When
 * the disk or bytes_max is reached, the file stands at a *wall*: what grows may use only pages
 * that are free in it, and must leave MF_STORE_RESERVE_BYTES of them; all else may make the
 * file larger by as much, for which NAME.reserve gives up its place on the disk.
 */
#ifndef MF_NODE_STORE_LMDB_FILE_H
#define MF_NODE_STORE_LMDB_FILE_H

#include <lmdb.h>

#include "node/store/tables.h"

/* The tables in a transaction. */
struct lmdb_view {
    struct tables tables;
    struct lmdb_file *file;
    MDB_txn *txn; /* NULL: none open */
    MDB_cursor *cursor;
};

struct lmdb_file {
    struct lmdb_view write;
    struct lmdb_view read; /* its transaction is kept, and renewed for each question */
    MDB_env *env;          /* NULL: not open */
    MDB_dbi dbi;
    MDB_txn *steady;      /* loose: holds the state of the last sync */
    MDB_txn *counting;    /* loose: kept, and renewed for each commit */
    uint64_t held_bytes;  /* loose: freed since the last sync, or the last try: not to be used before */
    int dir_fd;
    char path[PATH_MAX];  /* directory and name */
    const char *name;     /* behind the directory in path */
    uint64_t bytes_max;
    bool loose;
    bool walled;          /* no more room, but for what makes room                  */
    bool full;            /* of the transaction that is open: the map has no room */
    _Atomic bool broken;  /* LMDB wants to be opened anew                           */
};

/* directory/name, made if it is not there. MF_EFORMAT: not a file of ours. */
MF_CHECKED mf_err lmdb_file_open(struct lmdb_file *file, const char *directory, const char *name,
                                 bool loose, uint64_t bytes_max, struct mf_why *why);
void lmdb_file_close(struct lmdb_file *file);

/* What is committed, in file->read. (lock), from here to the end of reading. */
MF_CHECKED mf_err lmdb_file_begin_read(struct lmdb_file *file);
void lmdb_file_end_read(struct lmdb_file *file);

/* After an error of the disk LMDB refuses everything until it is opened anew. (lock) */
MF_CHECKED mf_err lmdb_file_be_open(struct lmdb_file *file);

/* In file->write. */
MF_CHECKED mf_err lmdb_file_begin(struct lmdb_file *file);
/* MF_EFULL: the disk, or the map (then file->full). Whatever it is but MF_OK, nothing of the
 * transaction remains. */
MF_CHECKED mf_err lmdb_file_commit(struct lmdb_file *file);
void lmdb_file_abort(struct lmdb_file *file);

/* At the wall: make ready for a transaction that grows, or one that does not. MF_EFULL. (lock) */
MF_CHECKED mf_err lmdb_file_at_wall(struct lmdb_file *file, bool grows);
/* There may be room again: then the wall is gone. (lock) */
void lmdb_file_try_unwall(struct lmdb_file *file);

/* A larger map. MF_EFULL: bytes_max. No transaction is open. (lock) */
MF_CHECKED mf_err lmdb_file_grow(struct lmdb_file *file);

/* All that was committed is on the disk, whatever comes. */
MF_CHECKED mf_err lmdb_file_sync(struct lmdb_file *file);
/* It should be synced soon, or it grows by whatever is committed, however little is in it. */
bool lmdb_file_holds_much(const struct lmdb_file *file);

/* ---- between the files of LMDB (lmdb_*.c) ---- */

/* LMDB's error in our words. */
mf_err lmdb_file_fail(struct lmdb_file *file, int error);
uint64_t lmdb_file_map_bytes(uint64_t bytes); /* of a map that holds so many */
/* The place on the disk that is kept for what makes room. False: there is none. */
bool lmdb_file_take_reserve(struct lmdb_file *file);
/* Loose: that transaction is committed; what it freed is held. Writing thread. */
void lmdb_file_count_held(struct lmdb_file *file, size_t transaction);
extern const struct tables_kind lmdb_tables_kind;

#endif
