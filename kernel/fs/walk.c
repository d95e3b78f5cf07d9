/*
 * walk.c: see walk.h and path_resolution(7).
 * Guarantees: ends after LINKS_MAX links and PATH_BYTES_MAX bytes. Permissions stop nobody: there
 * is one user, and what it may not do the monitor sees to.
 * Leaves to others: what a file system has. Owns the working folder, and a buffer that is
 * somebody's only during a call here.
 */
#include "kernel/fs/walk.h"

#include <asm/errno.h>
#include <linux/stat.h>

#include "kernel/core/assert.h"
#include "kernel/core/bss.h"
#include "kernel/core/string.h"
#include "kernel/fs/image.h"

static struct place here; /* fs NULL: the root */
static char text[PATH_BYTES_MAX] BSS_LARGE;   /* what of the path is not walked */
static char target[PATH_BYTES_MAX] BSS_LARGE; /* of a link                      */

static int step(struct walked *walked, struct name name);
static int follow(struct walked *walked, const char **rest);

uint32_t place_type(const struct place *place)
{
    struct file_stat stat = {0};
    return place->fs->stat(place, &stat) == 0 ? stat.mode & S_IFMT : 0;
}

struct place walk_root(void)
{
    return image_root();
}

struct place walk_here(void)
{
    return here.fs ? here : walk_root();
}

void walk_go(const struct place *folder)
{
    place_hold(folder);
    place_drop(&here);
    here = *folder;
}

static struct name next_name(const char **rest)
{
    const char *start = *rest;
    while (**rest && **rest != '/')
        ++*rest;
    return (struct name){start, (uint32_t)(*rest - start)};
}

static void skip_slashes(const char **rest)
{
    while (**rest == '/')
        ++*rest;
}

/* Is this the last name, and a link there is not to be followed? */
static bool stays(const struct walked *walked, uint32_t how, const char *rest)
{
    return how & WALK_NOFOLLOW && *rest == 0 && !walked->folder_only;
}

int walk(const struct place *from, const char *path, uint32_t how, struct walked *walked)
{
    uint32_t links = 0;
    size_t bytes = strlen(path) + 1;
    if (bytes > sizeof text)
        return -ENAMETOOLONG;
    if (bytes == 1)
        return -ENOENT;
    memmove(text, path, bytes);
    const char *rest = text;
    *walked = (struct walked){.place = *rest == '/' ? walk_root() : *from};
    for (skip_slashes(&rest); *rest; skip_slashes(&rest)) {
        struct name name = next_name(&rest);
        if (name.bytes > NAME_BYTES_MAX)
            return -ENAMETOOLONG;
        walked->folder_only = *rest == '/';
        const char *after = rest;
        skip_slashes(&after);
        int error = step(walked, name);
        if (error == -ENOENT && *after == 0 && how & WALK_MAKE && walked->folder.fs) {
            walked->place = (struct place){0};
            return 0;
        }
        if (error)
            return error;
        if (place_type(&walked->place) != S_IFLNK || stays(walked, how, after))
            continue;
        if (++links > LINKS_MAX)
            return -ELOOP;
        error = follow(walked, &rest);
        if (error)
            return error;
    }
    if (walked->folder_only && place_type(&walked->place) != S_IFDIR)
        return -ENOTDIR;
    return 0;
}

/* One name on from walked->place. */
static int step(struct walked *walked, struct name name)
{
    if (place_type(&walked->place) != S_IFDIR)
        return -ENOTDIR;
    walked->folder = walked->place;
    walked->name_bytes = 0;
    memcpy(walked->name, name.text, name.bytes);
    walked->name[name.bytes] = 0;
    if (name_is(name, "."))
        return 0;
    if (name_is(name, "..")) {
        walked->place = walked->place.fs->parent(&walked->place);
        return 0;
    }
    walked->name_bytes = name.bytes;
    return walked->folder.fs->find(&walked->folder, name, &walked->place);
}

/* Go on at a link's target, then with the rest of the path. */
static int follow(struct walked *walked, const char **rest)
{
    const struct filesystem *fs = walked->place.fs;
    struct place to;
    if (fs->leads && fs->leads(&walked->place, &to)) {
        walked->place = to;
        return 0;
    }
    int64_t bytes = fs->target(&walked->place, target);
    if (bytes < 0)
        return (int)bytes;
    size_t rest_bytes = strlen(*rest) + 1;
    if (bytes == 0)
        return -ENOENT;
    if ((size_t)bytes + rest_bytes > sizeof text)
        return -ENAMETOOLONG;
    memmove(text + bytes, *rest, rest_bytes);
    memcpy(text, target, (size_t)bytes);
    *rest = text;
    walked->place = *text == '/' ? walk_root() : walked->folder;
    return 0;
}

/* Put bytes before what stands there. */
static bool put_before(char *to, size_t *at, const char *bytes, size_t count)
{
    if (count > *at)
        return false;
    *at -= count;
    memcpy(to + *at, bytes, count);
    return true;
}

int64_t walk_path(const struct place *folder, struct name name, char *to)
{
    const struct place root = walk_root();
    struct place place = *folder;
    size_t at = PATH_BYTES_MAX;
    char part[NAME_BYTES_MAX];
    bool fits = put_before(to, &at, "", 1);
    if (name.bytes)
        fits = put_before(to, &at, name.text, name.bytes) && put_before(to, &at, "/", 1);
    while (fits && !place_same(&place, &root)) { /* each name takes some of the room */
        uint32_t bytes = place.fs->name(&place, part);
        if (bytes == 0)
            return -ENOENT;
        fits = put_before(to, &at, part, bytes) && put_before(to, &at, "/", 1);
        place = place.fs->parent(&place);
    }
    if (fits && at == PATH_BYTES_MAX - 1)
        fits = put_before(to, &at, "/", 1);
    if (!fits)
        return -ENAMETOOLONG;
    memmove(to, to + at, PATH_BYTES_MAX - at);
    return (int64_t)(PATH_BYTES_MAX - at);
}
