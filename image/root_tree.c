/*
 * root_tree.c: see root_tree.h. Guarantees: a folder stands in one folder; no more names, levels or bytes than base/limits.h has. A tree is
 * freed without recursion past MF_ROOT_DEPTH_MAX.
 */
#include "image/root_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define refuse(why, ...) mf_why(why, MF_EFORMAT, __VA_ARGS__)
#define IMPLIED_MODE 0755u /* of a folder that nobody has described */
#define LINKS_MAX 40u      /* followed on one way, as Linux does     */

/* One part of a path. */
struct part {
    const char *at;
    size_t bytes;
};

static mf_err find_place(struct root_tree *tree, const char *path, bool make,
                         struct root_node **folder, struct part *last, struct mf_why *why);
static mf_err put(struct root_tree *tree, struct root_node *folder, const struct part *part,
                  struct root_node *node, struct mf_why *why);
static struct root_name *find_name(const struct root_node *folder, const struct part *part);
static void take_out(struct root_tree *tree, struct root_node *folder, struct root_name *name);
static void empty(struct root_tree *tree, struct root_node *folder);
static void forget(struct root_tree *tree, struct root_node *node);

static bool is_folder(const struct root_node *node)
{
    return (node->mode & MF_ROOT_TYPE) == MF_ROOT_FOLDER;
}

static struct root_node *new_node(uint32_t type, uint32_t mode)
{
    struct root_node *node = calloc(1, sizeof *node);
    if (node)
        node->mode = type | (mode & MF_ROOT_PERMISSIONS);
    return node;
}

int root_store_open(void)
{
    const char *place = getenv("TMPDIR");
    place = place && *place ? place : "/tmp";
    int fd = open(place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : memfd_create("root", MFD_CLOEXEC); /* a file system without O_TMPFILE */
}

mf_err root_tree_open(struct root_tree *tree, struct mf_why *why)
{
    *tree = (struct root_tree){.store_fd = root_store_open()};
    if (tree->store_fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot make a temporary file: %s", strerror(errno));
    tree->root = new_node(MF_ROOT_FOLDER, IMPLIED_MODE);
    if (!tree->root) {
        root_tree_close(tree);
        return MF_ENOMEM;
    }
    tree->root->parent = tree->root;
    return MF_OK;
}

void root_tree_close(struct root_tree *tree)
{
    if (tree->store)
        (void)munmap((void *)(uintptr_t)tree->store, tree->store_bytes);
    if (tree->root) {
        forget(tree, tree->root);
        (void)close(tree->store_fd);
    } else if (tree->store_fd > 0) {
        (void)close(tree->store_fd);
    }
    *tree = (struct root_tree){0};
}

mf_err root_tree_folder(struct root_tree *tree, const char *path, uint32_t mode, struct mf_why *why)
{
    struct root_node *folder;
    struct part part;
    mf_err err = find_place(tree, path, true, &folder, &part, why);
    if (err)
        return err;
    if (part.bytes == 0) { /* the root itself */
        tree->root->mode = MF_ROOT_FOLDER | (mode & MF_ROOT_PERMISSIONS);
        return MF_OK;
    }
    struct root_node *node = new_node(MF_ROOT_FOLDER, mode);
    if (!node)
        return MF_ENOMEM;
    node->parent = folder;
    return put(tree, folder, &part, node, why);
}

/* A name for node, which is freed if that fails and nobody else has it. */
static mf_err put_at(struct root_tree *tree, const char *path, struct root_node *node,
                     struct mf_why *why)
{
    struct root_node *folder;
    struct part part;
    mf_err err = find_place(tree, path, true, &folder, &part, why);
    if (!err && part.bytes == 0)
        err = refuse(why, "\"%.200s\" names the root itself, which is a folder", path);
    if (!err)
        return put(tree, folder, &part, node, why);
    if (node->names == 0)
        forget(tree, node);
    return err;
}

mf_err root_tree_link(struct root_tree *tree, const char *path, const char *target,
                      struct mf_why *why)
{
    size_t bytes = strlen(target);
    if (bytes == 0 || bytes > MF_ROOT_TARGET_MAX)
        return refuse(why, "%.200s: a link to a path of %zu bytes; 1 to %u are allowed", path, bytes,
                      MF_ROOT_TARGET_MAX);
    struct root_node *node = new_node(MF_ROOT_LINK, 0777);
    if (!node || !(node->target = strdup(target))) {
        free(node);
        return MF_ENOMEM;
    }
    return put_at(tree, path, node, why);
}

mf_err root_tree_file(struct root_tree *tree, const char *path, uint32_t mode, int64_t modified_s,
                      struct root_node **node, struct mf_why *why)
{
    *node = new_node(MF_ROOT_FILE, mode);
    if (!*node)
        return MF_ENOMEM;
    (*node)->modified_s = modified_s;
    (*node)->content_at = tree->store_bytes;
    return put_at(tree, path, *node, why);
}

mf_err root_tree_another(struct root_tree *tree, const char *path, const char *existing,
                         struct mf_why *why)
{
    struct root_node *folder;
    struct part part;
    mf_err err = find_place(tree, existing, false, &folder, &part, why);
    if (err && err != MF_ENOENT)
        return err;
    const struct root_name *name = !err && part.bytes ? find_name(folder, &part) : NULL;
    struct root_node *node = name ? name->node : NULL;
    if (!node)
        return refuse(why, "%.200s: another name of \"%.200s\", which is not there", path, existing);
    if (is_folder(node))
        return refuse(why, "%.200s: another name of \"%.200s\", which is a folder", path, existing);
    node->names++; /* so that it stays, even if this name takes its own place */
    err = put_at(tree, path, node, why);
    if (--node->names == 0)
        forget(tree, node);
    return err;
}

mf_err root_tree_append(struct root_tree *tree, struct root_node *node, const void *data,
                        size_t bytes, struct mf_why *why)
{
    mf_assert(node->content_at + node->bytes == tree->store_bytes && !tree->store);
    if (bytes > MF_ROOT_STORE_BYTES_MAX - tree->store_bytes)
        return mf_why(why, MF_ETOOBIG, "the root file system has more than %llu bytes",
                      MF_ROOT_STORE_BYTES_MAX);
    for (size_t done = 0; done < bytes;) {
        ssize_t put_bytes = pwrite(tree->store_fd, (const char *)data + done, bytes - done,
                                   (off_t)(tree->store_bytes + done));
        if (put_bytes <= 0)
            return mf_why(why, MF_EIO, "cannot write a temporary file: %s", strerror(errno));
        done += (size_t)put_bytes;
    }
    node->bytes += bytes;
    tree->store_bytes += bytes;
    return MF_OK;
}

mf_err root_tree_remove(struct root_tree *tree, const char *path, struct mf_why *why)
{
    struct root_node *folder;
    struct part part;
    mf_err err = find_place(tree, path, false, &folder, &part, why);
    if (err)
        return err == MF_ENOENT ? MF_OK : err;
    struct root_name *name = part.bytes ? find_name(folder, &part) : NULL;
    if (name)
        take_out(tree, folder, name);
    return MF_OK;
}

mf_err root_tree_empty(struct root_tree *tree, const char *path, struct mf_why *why)
{
    struct root_node *folder;
    struct part part;
    mf_err err = find_place(tree, path, false, &folder, &part, why);
    if (err)
        return err == MF_ENOENT ? MF_OK : err;
    const struct root_name *name = part.bytes ? find_name(folder, &part) : NULL;
    if (name)
        empty(tree, name->node);
    else if (!part.bytes)
        empty(tree, folder);
    return MF_OK;
}

mf_err root_tree_contents(struct root_tree *tree, struct mf_why *why)
{
    if (tree->store || tree->store_bytes == 0)
        return MF_OK;
    void *at = mmap(NULL, tree->store_bytes, PROT_READ, MAP_PRIVATE, tree->store_fd, 0);
    if (at == MAP_FAILED)
        return mf_why(why, mf_err_from_errno(errno), "cannot map a temporary file: %s", strerror(errno));
    tree->store = at;
    return MF_OK;
}

/* ---- paths ---- */

/* The next part of *path, "." left out; bytes 0 at the end. */
static struct part next_part(const char **path)
{
    struct part part;
    do {
        *path += strspn(*path, "/");
        part = (struct part){*path, strcspn(*path, "/")};
        *path += part.bytes;
    } while (part.bytes == 1 && part.at[0] == '.');
    return part;
}

static mf_err check_part(const char *path, const struct part *part, struct mf_why *why)
{
    if (part->bytes == 2 && part->at[0] == '.' && part->at[1] == '.')
        return refuse(why, "\"%.200s\" leads out of the root file system (..)", path);
    if (part->bytes > MF_ROOT_NAME_MAX)
        return refuse(why, "\"%.200s\" has a name of %zu bytes; %u are allowed", path, part->bytes,
                      MF_ROOT_NAME_MAX);
    return MF_OK;
}

/* Into the folder of that name, which is made if it is not there and make says so. */
static mf_err enter(struct root_tree *tree, const char *path, const struct part *part, bool make,
                    struct root_node **folder, struct mf_why *why)
{
    const struct root_name *name = find_name(*folder, part);
    if (!name) {
        if (!make)
            return MF_ENOENT;
        struct root_node *made = new_node(MF_ROOT_FOLDER, IMPLIED_MODE);
        if (!made)
            return MF_ENOMEM;
        made->parent = *folder;
        mf_err err = put(tree, *folder, part, made, why);
        *folder = made;
        return err;
    }
    struct root_node *there = name->node;
    if (!is_folder(there))
        return refuse(why, "\"%.200s\" leads through \"%.*s\", which is %s", path, (int)part->bytes,
                      part->at, there->target ? "a link" : "a file");
    *folder = there;
    return MF_OK;
}

/* The folder that path's last part stands in, and that part; of the root bytes is 0. */
static mf_err find_place(struct root_tree *tree, const char *path, bool make,
                         struct root_node **folder, struct part *last, struct mf_why *why)
{
    const char *at = path;
    unsigned depth = 0;
    *folder = tree->root;
    if (*path == '/')
        return refuse(why, "\"%.200s\" is an absolute path; those in a root file system begin at "
                      "its root", path);
    *last = next_part(&at);
    for (;;) {
        mf_err err = check_part(path, last, why);
        struct part next = next_part(&at);
        if (err || next.bytes == 0)
            return err;
        if (++depth >= MF_ROOT_DEPTH_MAX)
            return mf_why(why, MF_ETOOBIG, "\"%.200s\" is more than %u folders deep", path,
                          MF_ROOT_DEPTH_MAX);
        err = enter(tree, path, last, make, folder, why);
        if (err)
            return err;
        *last = next;
    }
}

struct root_node *root_tree_find(const struct root_tree *tree, const char *path)
{
    char way[MF_ROOT_TARGET_MAX + 1], longer[2 * sizeof way];
    struct root_node *node = tree->root;
    unsigned links = 0;
    if (strlen(path) >= sizeof way)
        return NULL;
    memcpy(way, path, strlen(path) + 1);
    const char *at = way;
    for (;;) {
        struct part part = next_part(&at);
        if (part.bytes == 0)
            return node;
        if (!is_folder(node))
            return NULL;
        if (part.bytes == 2 && part.at[0] == '.' && part.at[1] == '.') {
            node = node->parent; /* the root's is the root */
            continue;
        }
        const struct root_name *name = find_name(node, &part);
        if (!name)
            return NULL;
        struct root_node *next = name->node;
        if (!next->target) {
            node = next;
            continue;
        }
        if (++links > LINKS_MAX)
            return NULL;
        (void)snprintf(longer, sizeof longer, "%s/%s", next->target, at);
        if (strlen(longer) >= sizeof way)
            return NULL;
        memcpy(way, longer, strlen(longer) + 1);
        at = way;
        if (next->target[0] == '/')
            node = tree->root;
    }
}

/* ---- names and nodes ---- */

static struct root_name *find_name(const struct root_node *folder, const struct part *part)
{
    return root_names_find(&folder->folder, part->at, part->bytes);
}

/* A new name in folder; ownership of the node's count goes with it. */
static mf_err add_name(struct root_tree *tree, struct root_node *folder, const struct part *part,
                       struct root_node *node, struct mf_why *why)
{
    if (tree->name_total == MF_ROOT_NAMES_MAX)
        return mf_why(why, MF_ETOOBIG, "the root file system has more than %u names", MF_ROOT_NAMES_MAX);
    mf_err err = root_names_add(&folder->folder, part->at, part->bytes, node);
    if (!err) {
        tree->name_total++;
        node->names++;
    }
    return err;
}

/* node becomes what that name stands for. A folder over a folder gives it only its mode. */
static mf_err put(struct root_tree *tree, struct root_node *folder, const struct part *part,
                  struct root_node *node, struct mf_why *why)
{
    struct root_name *there = find_name(folder, part);
    if (there && is_folder(node) && is_folder(there->node)) {
        there->node->mode = node->mode;
        forget(tree, node);
        return MF_OK;
    }
    if (there && there->node == node) /* another name of its own */
        return MF_OK;
    if (there)
        take_out(tree, folder, there);
    mf_err err = add_name(tree, folder, part, node, why);
    if (err && node->names == 0)
        forget(tree, node);
    return err;
}

static void take_out(struct root_tree *tree, struct root_node *folder, struct root_name *name)
{
    struct root_node *node = name->node;
    root_names_remove(&folder->folder, name);
    tree->name_total--;
    if (--node->names == 0)
        forget(tree, node);
}

static void empty(struct root_tree *tree, struct root_node *folder)
{
    while (folder->folder.count)
        take_out(tree, folder, root_names_any(&folder->folder));
}

/* Free a node that has no name; its content stays in the store. As deep as a tree is. */
static void forget(struct root_tree *tree, struct root_node *node)
{
    empty(tree, node);
    free(node->target);
    free(node);
}
