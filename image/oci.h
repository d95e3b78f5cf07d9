/*
 * oci.h: a container image (OCI image specification 1.1, or what `docker save` writes) as a root
 * file system and a command. A folder in OCI's layout, or a tar archive of one, or a docker archive;
 * hostile. A tree is one thread's.
 */
#ifndef MF_IMAGE_OCI_H
#define MF_IMAGE_OCI_H

#include <jansson.h>

#include "image/root_folder.h"
#include "image/root_tree.h"

/* What its configuration says of how it is run. All heap, to be closed; zeroed is empty. */
struct oci_config {
    json_t *command;     /* array of strings: Entrypoint, then Cmd                */
    json_t *environment; /* object of strings                                     */
    char *folder;        /* WorkingDir; NULL: none                                */
    char *user;          /* NULL: none                                            */
    uint32_t port;       /* the one that it exposes, if that is one; 0: not known */
};

/* Add the layers of the one image for this machine that path has. Every digest is checked. The
 * tree is to be thrown away on an error. MF_ENOENT (no such path), MF_EFORMAT, MF_ETOOBIG with the
 * reason, which does not name path. */
MF_CHECKED mf_err oci_import(const char *path, struct root_tree *tree,
                             const struct root_ears *ears, struct oci_config *config,
                             struct mf_why *why);

/* The part of it that reads a configuration (config.md), for tests. */
MF_CHECKED mf_err oci_config_parse(const char *json, size_t bytes, struct oci_config *config,
                                   struct mf_why *why);
void oci_config_close(struct oci_config *config);

#endif
