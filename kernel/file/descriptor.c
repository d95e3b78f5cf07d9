/*
 * descriptor.c: see descriptor.h.
 * Guarantees: a number is the lowest that is free; what does not fit is given back.
 * Leaves to others: what the files are. Owns the table.
 */
#include "kernel/file/descriptor.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/file/limits.h"
#include "kernel/file/lock.h"

struct entry {
    struct file *file; /* NULL: free */
    bool close_on_exec;
};

static struct entry first[DESCRIPTORS_FIRST]; /* so that a start takes no memory */
static struct entry *table = first;
static uint32_t room = DESCRIPTORS_FIRST;
static uint32_t lowest; /* none below this one is free */
static uint32_t most = DESCRIPTORS_MAX;

static int grow(uint32_t least);

static struct entry *entry_at(uint64_t fd)
{
    uint32_t number = (uint32_t)fd; /* Linux's descriptors are ints */
    return number < room && table[number].file ? &table[number] : NULL;
}

struct file *descriptor_any(uint64_t fd)
{
    struct entry *entry = entry_at(fd);
    return entry ? entry->file : NULL;
}

struct file *descriptor_file(uint64_t fd)
{
    struct entry *entry = entry_at(fd);
    return entry && !(entry->file->flags & O_PATH) ? entry->file : NULL;
}

int64_t descriptor_add(struct file *file, bool close_on_exec, uint32_t least)
{
    uint32_t fd = least < lowest ? lowest : least;
    while (fd < room && table[fd].file)
        fd++;
    int error = fd >= most ? -EMFILE : fd >= room ? grow(fd) : 0;
    if (error) {
        file_put(file);
        return error;
    }
    table[fd] = (struct entry){file, close_on_exec};
    if (least <= lowest)
        lowest = fd + 1;
    return fd;
}

int64_t descriptor_set(struct file *file, bool close_on_exec, uint32_t fd)
{
    int error = fd >= most ? -EBADF : fd >= room ? grow(fd) : 0;
    if (error) {
        file_put(file);
        return error;
    }
    (void)descriptor_close(fd);
    table[fd] = (struct entry){file, close_on_exec};
    return fd;
}

int descriptor_close(uint64_t fd)
{
    struct entry *entry = entry_at(fd);
    if (!entry)
        return -EBADF;
    struct file *file = entry->file;
    *entry = (struct entry){0};
    if ((uint32_t)fd < lowest)
        lowest = (uint32_t)fd;
    if (!(file->flags & O_PATH))
        lock_descriptor_closed(file);
    if (file->operations->descriptor_closed)
        file->operations->descriptor_closed(file);
    file_put(file);
    return 0;
}

bool descriptor_flag(uint64_t fd, bool *close_on_exec)
{
    const struct entry *entry = entry_at(fd);
    if (entry)
        *close_on_exec = entry->close_on_exec;
    return entry;
}

bool descriptor_flag_set(uint64_t fd, bool close_on_exec)
{
    struct entry *entry = entry_at(fd);
    if (entry)
        entry->close_on_exec = close_on_exec;
    return entry;
}

void descriptor_limit(uint32_t limit)
{
    most = limit;
}

uint32_t descriptor_limit_now(void)
{
    return most;
}

void descriptor_execute(void)
{
    for (uint32_t fd = 0; fd < room; fd++)
        if (table[fd].file && table[fd].close_on_exec)
            (void)descriptor_close(fd);
}

uint32_t descriptor_next(uint32_t fd)
{
    while (fd < room && !table[fd].file)
        fd++;
    return fd < room ? fd : DESCRIPTORS_MAX;
}

/* Make room for a number below DESCRIPTORS_MAX. */
static int grow(uint32_t least)
{
    uint32_t more = room * 2;
    while (more <= least)
        more *= 2;
    struct entry *larger = heap_take(more * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    memcpy(larger, table, room * sizeof *table);
    if (table != first)
        heap_give(table, room * sizeof *table);
    table = larger;
    room = more;
    return 0;
}
