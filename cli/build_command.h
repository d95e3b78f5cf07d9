/*
 * build_command.h: within `build`, which program of a root file system is run, and how.
 */
#ifndef MF_CLI_BUILD_COMMAND_H
#define MF_CLI_BUILD_COMMAND_H

#include <jansson.h>

#include "base/buf.h"
#include "cli/build_root.h"

/* Find the program of an open root: program, if that is not NULL, or what manifest (borrowed) says, or
 * the container image's configuration does. Of this a command that a shell would only start becomes the
 * command itself ("shell form" of a Dockerfile), and the working folder is made if no layer has it, as by
 * container runtimes. *executable and root->command are as of build_root_find(). Returns a cli_exit. */
int build_command_find(struct build_root *root, const char *program, const json_t *manifest,
                       struct mf_buf *executable);

/* The words of a shell's command line that starts one program and does nothing else: no variables, no
 * patterns, nothing that only a shell knows. NULL: it is none, or memory is short. The caller's. */
json_t *build_command_words(const char *line);

#endif
