/* fuzz_build_user.c: whom an image's configuration names, its passwd(5) and its group(5), separated by NUL. What
 * comes of it is two numbers as the setting `user` takes them, and not root's. */
#include <stdlib.h>
#include <string.h>

#include "cli/build_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* What stands before the next NUL. */
static const uint8_t *part(const uint8_t **at, size_t *left, size_t *bytes)
{
    const uint8_t *first = *at, *end = *left ? memchr(first, '\0', *left) : NULL;
    *bytes = end ? (size_t)(end - first) : *left;
    size_t used = *bytes + (end != NULL);
    *at += used;
    *left -= used;
    return first;
}

static void add_file(struct root_tree *tree, const char *path, const uint8_t *text, size_t bytes)
{
    struct root_node *node;
    if (root_tree_file(tree, path, 0644, 0, &node, NULL) != MF_OK ||
        root_tree_append(tree, node, text, bytes, NULL) != MF_OK)
        abort();
}

static void check(const char *text)
{
    unsigned long user, group;
    char *end;
    user = strtoul(text, &end, 10);
    mf_assert(end > text && *end == ':' && user > 0 && user < UINT32_MAX);
    const char *second = end + 1;
    group = strtoul(second, &end, 10);
    mf_assert(end > second && *end == '\0' && group < UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct build_root root = {0};
    char text[MF_USER_TEXT_BYTES] = "";
    size_t length;
    mf_assert(root_tree_open(&root.tree, NULL) == MF_OK);
    const uint8_t *said = part(&data, &bytes, &length);
    root.config.user = strndup((const char *)said, length);
    const uint8_t *passwd = part(&data, &bytes, &length);
    add_file(&root.tree, "etc/passwd", passwd, length);
    add_file(&root.tree, "etc/group", data, bytes);
    mf_assert(root.config.user && root_tree_contents(&root.tree, NULL) == MF_OK);
    if (build_user(&root, text))
        check(text);
    free(root.config.user);
    root_tree_close(&root.tree);
    return 0;
}
