/*
 * build_user.h: within `build`, whom a container image's program is of.
 */
#ifndef MF_CLI_BUILD_USER_H
#define MF_CLI_BUILD_USER_H

#include <stdbool.h>

#include "base/limits.h"
#include "cli/build_root.h"

/* The user of the image's configuration (config.md, User) as the setting `user` has it, by the root's own
 * /etc/passwd and /etc/group. False: there is none, or none that can be taken, which is told on standard error. */
bool build_user(const struct build_root *root, char text[MF_USER_TEXT_BYTES]);

#endif
