/*
 * lmdb_steady.h: the last state of a loose file that is on the disk, and the way back to it
 * (lmdb_file.h says why). NAME.steady holds the boot's id and a copy of LMDB's head page
 * (its "meta", of which the file's first two pages are the latest and the one before).
 */
#ifndef MF_NODE_STORE_LMDB_STEADY_H
#define MF_NODE_STORE_LMDB_STEADY_H

#include "base/err.h"

struct lmdb_file;

/* Where the boot's id is read; tests boot more often than the machine. */
extern const char *lmdb_steady_boot_path;

/* Before the file is opened: if the machine was booted since NAME.steady was written, what
 * was committed after it may be there in part; go back. MF_OK also if there is none. */
MF_CHECKED mf_err lmdb_steady_restore(int dir_fd, const char *name, struct mf_why *why);

/* The file was just synced: keep its head, hold its pages. */
MF_CHECKED mf_err lmdb_steady_keep(struct lmdb_file *file);

#endif
