/*
 * build_root.h: within `build`, a root file system and the program in it.
 */
#ifndef MF_CLI_BUILD_ROOT_H
#define MF_CLI_BUILD_ROOT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "image/oci.h"
#include "image/root_tree.h"

/* What is to be run, of the root. Zeroed means nothing is held. */
struct build_root {
    bool is_open;
    struct root_tree tree;
    struct root_node *started, *dynamic, *wanted; /* as pack_image() wants them */
    bool starts_others;       /* the program is one whose work it is to start another: a shell, say */
    struct oci_config config; /* of a container image; empty of a folder */
    json_t *command; /* settings that this comes to: program, loader, args */
};

/* Take the folder as the root; what is left out of it is told on standard error. */
int build_root_from_folder(struct build_root *root, const char *folder);

/* Take a container image: a folder or an archive (image/oci.h). */
int build_root_from_oci(struct build_root *root, const char *path);

/* Settings that the container image's configuration comes to, where manifest, which is changed, has
 * none: environment, name by name, folder, port, user. */
int build_root_configure(const struct build_root *root, json_t *manifest);

/* Find the program: a path in the root, from folder on (NULL: the root) unless it is absolute, or a
 * name in one of the folders of search (as the environment variable PATH; NULL: the usual ones), with
 * these arguments (an array, borrowed; NULL: none). A script becomes its interpreter's argument; if that
 * is a shell, the first program of fixed addresses that arguments or scripts name is wanted.
 * *executable is the file that is started: the program, or its dynamic loader. Returns a cli_exit. */
int build_root_find(struct build_root *root, const char *program, const char *search,
                    const char *folder, const json_t *arguments, struct mf_buf *executable);

/* What is there, NULL if nothing is: as of build_root_find(), and nothing is told. */
struct root_node *build_root_at(const struct build_root *root, const char *program, const char *search,
                                const char *folder);

void build_root_close(struct build_root *root);

#endif
