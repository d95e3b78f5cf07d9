/* build_stale.c: see build_stale.h. */
#include "cli/build_stale.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "image/image.h"
#include "image/pack.h"

static bool differs(const struct build_root *root, const struct root_node *node, const char *path)
{
    struct mf_buf file = {0};
    bool read = pack_read_file(path, MF_IMAGE_BYTES_MAX, &file, NULL) == MF_OK;
    bool other = read && (file.bytes != node->bytes ||
                          (file.bytes && memcmp(file.data, root->tree.store + node->content_at, file.bytes) != 0));
    mf_buf_close(&file);
    return other;
}

void build_stale_tell(const struct build_root *root, const char *folder)
{
    DIR *entries = opendir(folder);
    char path[PATH_MAX], name[sizeof "/" + NAME_MAX];
    for (const struct dirent *entry; entries && (entry = readdir(entries));) {
        (void)snprintf(name, sizeof name, "/%s", entry->d_name);
        const struct root_node *node = root_tree_find(&root->tree, name);
        if (node && (node->mode & MF_ROOT_TYPE) == MF_ROOT_FILE && entry->d_name[0] != '.' &&
            (size_t)snprintf(path, sizeof path, "%s%s", folder, name) < sizeof path && differs(root, node, path))
            cli_note("mayfly: %s is not what the root file system has of it, %s: make that anew (`sh root.sh`)", path,
                     name);
    }
    if (entries)
        (void)closedir(entries);
}
