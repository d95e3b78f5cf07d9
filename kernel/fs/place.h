/*
 * place.h: the files of all file systems, by a common name: which one, and a number there. A
 * place is a value; it is borrowed for the call, unless it is held (place_hold).
 */
#ifndef KERNEL_FS_PLACE_H
#define KERNEL_FS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/file/file.h"
#include "kernel/fs/limits.h"

struct filesystem;
struct opened; /* open.h */
struct pipe;   /* file/pipe.h */
struct watch;  /* watch.h */

struct place {
    const struct filesystem *fs; /* NULL: none */
    uint64_t id;                 /* its number there, as the file system likes it */
};

struct name {
    const char *text; /* not NUL-ended, no '/' */
    uint32_t bytes;
};

/* An entry of a folder. */
struct listed {
    char name[NAME_BYTES_MAX];
    uint32_t name_bytes;
    uint32_t mode; /* its type */
    uint64_t number;
};

struct filesystem {
    uint64_t device; /* st_dev */
    uint32_t magic;  /* statfs(2) */
    bool read_only;

    int (*stat)(const struct place *place, struct file_stat *stat);
    /* Of a link: bytes of its target, which goes to a buffer of PATH_BYTES_MAX. */
    int64_t (*target)(const struct place *place, char *to);
    /* A link of /proc that is no path, but leads to a file: where. False: it is a path. NULL: there
     * are none. */
    bool (*leads)(const struct place *place, struct place *to);

    /* Of a folder: what has that name in it, but not "." and "..". -ENOENT. */
    int (*find)(const struct place *folder, struct name name, struct place *found);
    struct place (*parent)(const struct place *folder); /* of the root: itself */
    /* Its name in its parent, at most NAME_BYTES_MAX: how many bytes. */
    uint32_t (*name)(const struct place *folder, char *to);
    /* The entry at *cookie, which moves on to the next; 0 is the first. False: no more. */
    bool (*list)(const struct place *folder, uint64_t *cookie, struct listed *listed);

    /* A folder's list was looked at. NULL: nothing to do. */
    void (*listed)(struct opened *opened);

    /* What is opened: flags are those of its file. 0 or -errno. NULL: nothing to do. */
    int (*open)(struct opened *opened);
    void (*close)(struct opened *opened);
    /* As in file.h, of a file that is open. */
    int64_t (*read)(struct opened *opened, struct io *io, uint64_t *position);
    int64_t (*write)(struct opened *opened, struct io *io, uint64_t *position);
    /* Where its content lies, from offset on, as long as the file is open: to be read by the
     * program, and written if `shared`. -ENODEV: nowhere. NULL: likewise. */
    int64_t (*content)(struct opened *opened, uint64_t offset, uint64_t bytes, bool shared);

    /* Of a named pipe: where its pipe is, NULL while nobody has it open. NULL: it has none of those. */
    struct pipe **(*pipe)(const struct place *place);

    /* Where the list of those begins who watch it (watch.h). NULL: nothing there ever changes. */
    struct watch **(*watches)(const struct place *place);

    /* Changes; NULL where the file system has none: -EROFS. mode: type and permissions. */
    int (*make)(const struct place *folder, struct name name, uint32_t mode, const char *target,
                struct place *made);
    int (*remove)(const struct place *folder, struct name name, bool is_folder);
    int (*rename)(const struct place *from, struct name old, const struct place *to,
                  struct name new, uint32_t flags); /* RENAME_…; both of this file system */
    int (*link)(const struct place *file, const struct place *folder, struct name name);
    int (*resize)(const struct place *file, uint64_t bytes);
    int (*set_mode)(const struct place *place, uint32_t permissions);
    int (*set_times)(const struct place *place, const int64_t *accessed_ns,
                     const int64_t *modified_ns); /* NULL: as it is */

    /* Somebody keeps it beyond a call, and no longer. NULL: it stays anyway. */
    void (*hold)(const struct place *place);
    void (*drop)(const struct place *place);
    /* Room in it, bytes. NULL: none. */
    void (*usage)(uint64_t *used, uint64_t *total);
};

static inline bool place_same(const struct place *a, const struct place *b)
{
    return a->fs == b->fs && a->id == b->id;
}

static inline void place_hold(const struct place *place)
{
    if (place->fs && place->fs->hold)
        place->fs->hold(place);
}

static inline void place_drop(const struct place *place)
{
    if (place->fs && place->fs->drop)
        place->fs->drop(place);
}

static inline bool name_is(struct name name, const char *text)
{
    uint32_t i = 0;
    while (i < name.bytes && text[i] == name.text[i] && text[i])
        i++;
    return i == name.bytes && text[i] == 0;
}

/* Its type, S_IF…; 0: it cannot be told. */
uint32_t place_type(const struct place *place);

#endif
