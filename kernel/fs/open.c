/*
 * open.c: see open.h.
 * Guarantees: an opened file keeps its place, whatever becomes of its name.
 * Leaves to others: contents (the file systems). Owns nothing.
 */
#include "kernel/fs/open.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/file/pipe.h"
#include "kernel/fs/fifo.h"
#include "kernel/fs/walk.h"

#define ENTRY_ALIGN 8u
#define DOTS 2u /* "." and ".." come first in a list */

/* As getdents64(2) has it, the name behind. */
struct entry_head {
    uint64_t number;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
} __attribute__((packed));

static const struct file_operations file_operations, folder_operations, fifo_operations;

static const struct file_operations *operations_of(const struct place *place, uint32_t flags)
{
    const uint32_t type = place_type(place);
    if (type == S_IFIFO && place->fs->pipe && !(flags & O_PATH))
        return &fifo_operations;
    return type == S_IFDIR ? &folder_operations : &file_operations;
}

static bool is_fifo(const struct file *file)
{
    return file->operations == &fifo_operations;
}

int open_place(const struct place *place, const struct place *folder, struct name name,
               uint32_t flags, struct file **file)
{
    struct opened *opened = heap_take(sizeof *opened + name.bytes);
    if (!opened)
        return -ENOMEM;
    file_init(&opened->file, operations_of(place, flags), flags);
    opened->place = *place;
    opened->folder = *folder;
    opened->name_bytes = name.bytes;
    memcpy(opened->name, name.text, name.bytes);
    int error = is_fifo(&opened->file) ? fifo_join(opened) : 0;
    if (!error && place->fs->open && !(flags & O_PATH))
        error = place->fs->open(opened);
    if (error) {
        if (opened->content && is_fifo(&opened->file))
            fifo_leave(opened);
        heap_give(opened, sizeof *opened + name.bytes);
        return error;
    }
    place_hold(place);
    place_hold(folder);
    *file = &opened->file;
    return 0;
}

struct opened *open_opened(struct file *file)
{
    bool is_one = file->operations == &file_operations || file->operations == &folder_operations ||
                  is_fifo(file);
    return is_one ? (struct opened *)(void *)file : NULL;
}

int64_t open_path(struct file *file, char *to)
{
    const struct opened *opened = open_opened(file);
    if (!opened)
        return -ENOENT;
    if (file->operations == &folder_operations)
        return walk_path(&opened->place, (struct name){0}, to);
    return walk_path(&opened->folder, (struct name){opened->name, opened->name_bytes}, to);
}

const uint8_t *open_content(struct file *file, uint64_t at, uint64_t *bytes)
{
    struct opened *opened = file->operations == &file_operations ? (struct opened *)(void *)file : NULL;
    struct file_stat stat = {0};
    if (!opened || !opened->place.fs->read_only || !opened->place.fs->content ||
        opened->place.fs->stat(&opened->place, &stat) != 0)
        return NULL;
    uint64_t left = at < stat.bytes ? stat.bytes - at : 0;
    *bytes = *bytes < left ? *bytes : left;
    int64_t address = opened->place.fs->content(opened, at < stat.bytes ? at : 0, *bytes, false);
    return address > 0 ? (const uint8_t *)address : NULL;
}

static struct opened *opened_of(struct file *file)
{
    return (struct opened *)(void *)file;
}

static int64_t opened_read(struct file *file, struct io *io, uint64_t *position)
{
    struct opened *opened = opened_of(file);
    return opened->place.fs->read ? opened->place.fs->read(opened, io, position) : -EINVAL;
}

static int64_t opened_write(struct file *file, struct io *io, uint64_t *position)
{
    struct opened *opened = opened_of(file);
    return opened->place.fs->write ? opened->place.fs->write(opened, io, position) : -EROFS;
}

static int opened_stat(struct file *file, struct file_stat *stat)
{
    const struct opened *opened = opened_of(file);
    return opened->place.fs->stat(&opened->place, stat);
}

/* SEEK_DATA and SEEK_HOLE: all is data, and behind it a hole. */
static int64_t opened_seek(struct file *file, int64_t offset, int whence)
{
    struct file_stat stat = {0};
    int error = opened_stat(file, &stat);
    int64_t from = 0, end = (int64_t)stat.bytes;
    if (error)
        return error;
    if (whence == SEEK_CUR)
        from = (int64_t)file->position;
    else if (whence == SEEK_END)
        from = end;
    else if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        if (offset < 0 || offset >= end)
            return -ENXIO;
        from = whence == SEEK_HOLE ? end - offset : 0;
    } else if (whence != SEEK_SET)
        return -EINVAL;
    if (__builtin_add_overflow(from, offset, &offset) || offset < 0)
        return -EINVAL;
    file->position = (uint64_t)offset;
    return offset;
}

static int64_t opened_resize(struct file *file, uint64_t bytes)
{
    const struct opened *opened = opened_of(file);
    if (!opened->place.fs->resize || place_type(&opened->place) != S_IFREG)
        return -EINVAL;
    return opened->place.fs->resize(&opened->place, bytes);
}

static const struct place *opened_place(struct file *file)
{
    return &opened_of(file)->place;
}

static void opened_close(struct file *file)
{
    struct opened *opened = opened_of(file);
    const struct place place = opened->place, folder = opened->folder;
    if (place.fs->close && !(file->flags & O_PATH))
        place.fs->close(opened);
    if (is_fifo(file))
        fifo_leave(opened);
    heap_give(opened, sizeof *opened + opened->name_bytes);
    place_drop(&place);
    place_drop(&folder);
}

static int64_t folder_read(struct file *file, struct io *io, uint64_t *position)
{
    (void)file, (void)io, (void)position;
    return -EISDIR;
}

/* The entry at a position, which moves on to the next. */
static bool next_entry(const struct place *folder, uint64_t *position, struct listed *listed)
{
    static const char dots[DOTS] = "..";
    if (*position < DOTS) {
        struct place parent = folder->fs->parent(folder);
        struct file_stat stat = {0};
        const struct place *place = *position ? &parent : folder;
        (void)place->fs->stat(place, &stat);
        listed->name_bytes = (uint32_t)++*position;
        memcpy(listed->name, dots, listed->name_bytes);
        listed->mode = S_IFDIR;
        listed->number = stat.number;
        return true;
    }
    uint64_t cookie = *position - DOTS;
    bool there = folder->fs->list(folder, &cookie, listed);
    *position = cookie + DOTS;
    return there;
}

static int64_t list_on(struct file *file, struct io *io)
{
    static const uint8_t zeros[ENTRY_ALIGN];
    const struct opened *opened = opened_of(file);
    int64_t done = 0;
    for (;;) {
        struct listed listed;
        uint64_t position = file->position;
        if (!next_entry(&opened->place, &position, &listed))
            return done;
        size_t used = sizeof(struct entry_head) + listed.name_bytes + 1;
        size_t bytes = (used + ENTRY_ALIGN - 1) & ~(size_t)(ENTRY_ALIGN - 1);
        if (bytes > io->bytes)
            return done ? done : -EINVAL;
        const struct entry_head head = {.number = listed.number,
                                        .next = (int64_t)position,
                                        .bytes = (uint16_t)bytes,
                                        .type = (uint8_t)((listed.mode & S_IFMT) >> 12)};
        if (io_put(io, &head, sizeof head) != 0 ||
            io_put(io, listed.name, listed.name_bytes) != 0 ||
            io_put(io, zeros, bytes - used + 1) != 0)
            return done ? done : -EFAULT;
        file->position = position;
        done += (int64_t)bytes;
    }
}

static int64_t folder_list(struct file *file, struct io *io)
{
    struct opened *opened = opened_of(file);
    int64_t done = list_on(file, io);
    if (done >= 0 && opened->place.fs->listed)
        opened->place.fs->listed(opened);
    return done;
}

static const struct file_operations file_operations = {
    .positioned = true,
    .read = opened_read,
    .write = opened_write,
    .stat = opened_stat,
    .seek = opened_seek,
    .resize = opened_resize,
    .place = opened_place,
    .close = opened_close,
};
static const struct file_operations folder_operations = {
    .positioned = true,
    .read = folder_read,
    .stat = opened_stat,
    .seek = opened_seek,
    .list = folder_list,
    .place = opened_place,
    .close = opened_close,
};
static const struct file_operations fifo_operations = {
    .read = pipe_read,
    .write = pipe_write,
    .ready = pipe_ready,
    .control = pipe_control,
    .stat = opened_stat,
    .place = opened_place,
    .pipe = fifo_end,
    .close = opened_close,
};
