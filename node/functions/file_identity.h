/*
 * file_identity.h: a file as it was when it was checked: the same if nobody has written to
 * it, or put another in its place. Pure; any thread.
 */
#ifndef MF_NODE_FUNCTIONS_FILE_IDENTITY_H
#define MF_NODE_FUNCTIONS_FILE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stat;

/* Zeroed: of no file. */
struct file_identity {
    dev_t device;
    ino_t inode;
    off_t bytes;
    int64_t written_ns, changed_ns; /* st_mtim, st_ctim */
};

void file_identify(const struct stat *stat, struct file_identity *identity);
bool file_is_same(const struct file_identity *a, const struct file_identity *b);

#endif
