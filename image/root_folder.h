/*
 * root_folder.h: a folder of this machine as a root file system. Links are taken as they are and
 * never followed, so nothing outside the folder gets in.
 */
#ifndef MF_IMAGE_ROOT_FOLDER_H
#define MF_IMAGE_ROOT_FOLDER_H

#include "image/root_tree.h"

/* What is left out is told, a sentence each. */
struct root_ears {
    void (*left_out)(void *context, const char *sentence);
    void *context;
};

/* Add all that is in the folder. Files with several names in it stay one file; devices, sockets
 * and pipes are left out, and set-id bits; files keep the time of their last change (or
 * SOURCE_DATE_EPOCH, if that is earlier: reproducible-builds.org), since compiled Python is good
 * for a source of just that time. */
MF_CHECKED mf_err root_add_folder(struct root_tree *tree, const char *path,
                                  const struct root_ears *ears, struct mf_why *why);

#endif
