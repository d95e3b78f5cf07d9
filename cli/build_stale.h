/*
 * build_stale.h: within `build`, what a root file system lacks of its project.
 */
#ifndef MF_CLI_BUILD_STALE_H
#define MF_CLI_BUILD_STALE_H

#include "cli/build_root.h"

/* The files of the project's folder that stand in the root's first folder, too, under their name, were copied
 * there (templates: root.sh). What has changed since is told, for the image would not have it. The root's contents
 * are there (root_tree_contents()). */
void build_stale_tell(const struct build_root *root, const char *folder);

#endif
