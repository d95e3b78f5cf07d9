/*
 * residents.h: does a process map a file of a folder? For telling whether a node that says
 * that nothing of a function runs holds pages of it all the same. One thread.
 */
#ifndef MF_BENCH_RESIDENTS_H
#define MF_BENCH_RESIDENTS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct file_id {
    dev_t device;
    ino_t inode;
};

/* Zero-initialised: none. */
struct residents {
    struct file_id *file; /* in order */
    size_t count, room;
};

/* All regular files below a folder. Close *residents also on failure. */
MF_CHECKED mf_err residents_list(struct residents *residents, const char *folder);

/* MF_EEXIST, naming process and mapping: a descendant of root maps one of them.
 * MF_EDENIED: a process does not let us see its mappings. */
MF_CHECKED mf_err residents_find(const struct residents *residents, pid_t root,
                                 struct mf_why *why);

void residents_close(struct residents *residents);

#endif
