/* build_user.c: see build_user.h. The two files are as hostile as the rest of the image. */
#include "cli/build_user.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define ID_NONE UINT32_MAX /* stands for none in system calls, too */

struct text {
    const char *at;
    size_t bytes;
};

/* What stands before the separator, or the end; rest is what is behind it. */
static struct text cut(struct text *rest, char separator)
{
    const char *end = rest->bytes ? memchr(rest->at, separator, rest->bytes) : NULL;
    struct text first = {rest->at, end ? (size_t)(end - rest->at) : rest->bytes};
    size_t used = first.bytes + (end != NULL);
    *rest = (struct text){rest->at + used, rest->bytes - used};
    return first;
}

static uint32_t number(struct text text)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return ID_NONE;
        value = value * 10 + (uint64_t)(text.at[i] - '0');
        if (value >= ID_NONE)
            return ID_NONE;
    }
    return text.bytes ? (uint32_t)value : ID_NONE;
}

/* The line of a file, passwd(5) or group(5), that has this name, or this number in its third field. */
static bool find_line(const struct build_root *root, const char *path, struct text name, struct text *line)
{
    const struct root_node *node = root_tree_find(&root->tree, path);
    if (!node || (node->mode & MF_ROOT_TYPE) != MF_ROOT_FILE || node->bytes == 0)
        return false;
    struct text rest = {(const char *)root->tree.store + node->content_at, node->bytes};
    while (rest.bytes) {
        *line = cut(&rest, '\n');
        struct text fields = *line, first = cut(&fields, ':');
        (void)cut(&fields, ':'); /* the password */
        uint32_t id = number(cut(&fields, ':'));
        bool same = first.bytes == name.bytes && memcmp(first.at, name.at, name.bytes) == 0;
        if (id != ID_NONE && (same || id == number(name)))
            return true;
    }
    return false;
}

static uint32_t field(struct text line, unsigned count)
{
    while (count--)
        (void)cut(&line, ':');
    return number(cut(&line, ':'));
}

bool build_user(const struct build_root *root, char text[MF_USER_TEXT_BYTES])
{
    const char *said = root->config.user;
    if (!said)
        return false;
    struct text rest = {said, strlen(said)}, line;
    struct text name = cut(&rest, ':');
    uint32_t user = number(name), group = 0; /* of who is in no file */
    if (find_line(root, "/etc/passwd", name, &line)) {
        user = field(line, 2);
        group = field(line, 3);
    }
    if (rest.bytes)
        group = find_line(root, "/etc/group", rest, &line) ? field(line, 2) : number(rest);
    if (user == 0)
        cli_note("The image's user, %s, is root, whom a guest has not: it runs as nobody.", said);
    else if (user == ID_NONE || group == ID_NONE)
        cli_note("The image's user, %s, is not in its /etc/passwd or /etc/group: it runs as nobody.", said);
    else
        return (size_t)snprintf(text, MF_USER_TEXT_BYTES, "%u:%u", user, group) < MF_USER_TEXT_BYTES;
    return false;
}
