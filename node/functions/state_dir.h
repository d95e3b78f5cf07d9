/*
 * state_dir.h: the one directory that survives a restart. Owner only; locked, so that
 * two nodes cannot share it.
 *
 *   lock                 held while a node runs; its process id
 *   images/HASH.mf       what was uploaded
 *   workflows/NAME.json  functions that were deployed together (workflows/record.h)
 *   functions/NAME.json  those that were not: {"image": HASH, "manifest": {…}, "settings": {…}}; the manifest
 *                        is what the image says
 *   snapshots/KEY.snap   functions as they wait for their first event (snapshots/)
 *   logs/NAME.log[.N]    functions' logs
 *   store/               queues and key-values (node/store/): power-loss.mdb and process-crash.mdb,
 *                        each with -lock (LMDB's), .taken, .reserve; process-crash.mdb.steady
 *   api.sock             the management API
 *
 * Every other file appears whole or not at all: written under another name, synced, renamed,
 * the directory synced. Functions marked (any thread) may run beside the loop.
 */
#ifndef MF_NODE_FUNCTIONS_STATE_DIR_H
#define MF_NODE_FUNCTIONS_STATE_DIR_H

#include <limits.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct state_dir {
    char path[PATH_MAX];
    int lock_fd;      /* -1: not open */
    int dir_fd;
    int images_fd;
    int functions_fd;
    int workflows_fd;
    int snapshots_fd;
    int logs_fd;
    int store_fd;     /* the store opens it by its name */
};

/* Make what is missing, lock, sweep away what a crash left half-written. */
MF_CHECKED mf_err state_dir_open(const char *path, struct state_dir *state, struct mf_why *why);
void state_dir_close(struct state_dir *state);

/* Make a directory in it, private, if there is none. */
MF_CHECKED mf_err state_subdir(const struct state_dir *state, const char *name,
                               struct mf_why *why);

/* Replace the file by these bytes (any thread). MF_EFULL: the disk is. */
MF_CHECKED mf_err state_write(int dir_fd, const char *name, const void *data, size_t bytes,
                              struct mf_why *why);

/* A whole file of at most bytes_max (any thread). MF_ENOENT: not there. */
MF_CHECKED mf_err state_read(int dir_fd, const char *name, size_t bytes_max, struct mf_buf *out,
                             struct mf_why *why);

/* The same of a secret: refused unless it is ours, or root's, and closed to all others. */
MF_CHECKED mf_err state_read_secret(const char *path, size_t bytes_max, struct mf_buf *out,
                                    struct mf_why *why);

/* Remove a file for good; one that is not there is no error (any thread). */
MF_CHECKED mf_err state_remove(int dir_fd, const char *name, struct mf_why *why);

/* visit() each file of a directory, except hidden ones. */
MF_CHECKED mf_err state_list(int dir_fd, void (*visit)(const char *name, void *context),
                             void *context);

#endif
