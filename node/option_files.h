/*
 * option_files.h: the files that options name and that are opened only when something needs them:
 * looked at once when the node starts, so that a slip of the pen is told then and not by a line for
 * each attempt. They may change afterwards. Before the loop.
 */
#ifndef MF_NODE_OPTION_FILES_H
#define MF_NODE_OPTION_FILES_H

#include "node/options.h"

/* MF_EINVAL: which option, which file, and why. */
MF_CHECKED mf_err option_files_check(const struct options *options, struct mf_why *why);

#endif
