/*
 * content.c: see content.h.
 * Guarantees: what is behind a content's end is zero. Owns contents, and counts their room.
 */
#include "kernel/fs/content.h"

#include <asm/errno.h>
#include <stddef.h>

#include "abi/hypercall.h"
#include "abi/layout.h"
#include "kernel/core/heap.h"
#include "kernel/core/memory.h"
#include "kernel/core/string.h"
#include "kernel/fs/lent.h"
#include "kernel/fs/limits.h"

#define LARGE_BYTES (1u << 20) /* from here on growth is by a quarter */

static uint64_t bytes_used;

static int set_room(struct content *content, uint64_t bytes);
static int set_length(struct content *content, uint64_t bytes);
static int lend(struct content *content, uint64_t bytes, void *owner, void (*back)(void *owner));
static uint64_t bytes_max(void);

int content_set(struct content *content, const void *data, uint64_t bytes)
{
    int error = set_room(content, bytes);
    if (error)
        return error;
    memcpy(content->data, data, bytes);
    content->bytes = bytes;
    return 0;
}

int content_resize(struct content *content, uint64_t bytes)
{
    int error = set_room(content, bytes);
    if (error)
        return error;
    if (bytes < content->bytes)
        memset(content->data + bytes, 0, content->bytes - bytes); /* the rest stays zero */
    error = set_length(content, bytes);
    if (!error)
        content->bytes = bytes;
    return error;
}

int64_t content_read(const struct content *content, struct io *io, uint64_t *position)
{
    if (*position >= content->bytes)
        return 0;
    uint64_t bytes = content->bytes - *position;
    if (bytes > io->bytes)
        bytes = io->bytes;
    if (io_put(io, content->data + *position, bytes) != 0)
        return -EFAULT;
    *position += bytes;
    return (int64_t)bytes;
}

int64_t content_write(struct content *content, struct io *io, uint64_t *position)
{
    uint64_t bytes = io->bytes;
    if (*position > INT64_MAX - bytes)
        return -EFBIG;
    int error = set_room(content, *position + bytes);
    if (!error && *position + bytes > content->bytes)
        error = set_length(content, *position + bytes);
    if (error)
        return error;
    if (io_get(io, content->data + *position, bytes) != 0) {
        uint64_t from = *position > content->bytes ? *position : content->bytes;
        if (from < *position + bytes) /* what is behind the end stays zero */
            memset(content->data + from, 0, *position + bytes - from);
        (void)set_length(content, content->bytes); /* as it was */
        return -EFAULT;
    }
    *position += bytes;
    if (*position > content->bytes)
        content->bytes = *position;
    return (int64_t)bytes;
}

int64_t content_map(struct content *content, uint64_t offset, uint64_t bytes, void *owner,
                    void (*back)(void *owner))
{
    if (bytes > INT64_MAX - offset)
        return -ENODEV;
    uint64_t end = offset + bytes > content->bytes ? offset + bytes : content->bytes;
    int error = content->lent ? set_room(content, end) : lend(content, end, owner, back);
    if (!error && !lent_map(content->lent, offset, bytes))
        error = -ENOMEM;
    return error ? error : (int64_t)(content->data + offset);
}

bool content_is_mapped(const struct content *content)
{
    return content->lent && content->lent->mapped;
}

void content_take_back(struct content *content)
{
    const uint64_t bytes = content->bytes;
    uint8_t *data = bytes ? heap_take(bytes) : NULL;
    if (bytes && !data)
        return;
    if (bytes)
        memcpy(data, content->data, bytes);
    content_drop(content);
    *content = (struct content){.data = data, .bytes = bytes, .room = bytes};
    bytes_used += bytes;
}

void content_drop(struct content *content)
{
    if (content->lent) {
        (void)memory_unmap(content->lent->address, content->lent->room);
        lent_close(content->lent);
    } else {
        heap_give(content->data, content->room);
    }
    bytes_used -= content->room;
    *content = (struct content){0};
}

void content_usage(uint64_t *used, uint64_t *total)
{
    *used = bytes_used;
    *total = bytes_max();
}

static uint64_t bytes_max(void)
{
    uint64_t used, total;
    heap_usage(&used, &total);
    return total / TMP_SHARE;
}

/* Addresses cost nothing, so more of them are kept than it needs now. */
static int64_t map_room(uint64_t *room)
{
    uint64_t least = *room;
    *room = least < TMP_LENT_ROOM_BYTES / 4 ? TMP_LENT_ROOM_BYTES : least * 4;
    int64_t address = memory_map(0, *room, MF_PROT_READ | MF_PROT_WRITE);
    if (address >= 0)
        return address;
    *room = least;
    return memory_map(0, *room, MF_PROT_READ | MF_PROT_WRITE);
}

static uint64_t lent_steps(uint64_t bytes)
{
    return (bytes + TMP_LENT_BYTES - 1) / TMP_LENT_BYTES * TMP_LENT_BYTES;
}

/* Let its content be in the program's memory, with room for so many bytes. */
static int lend(struct content *content, uint64_t bytes, void *owner, void (*back)(void *owner))
{
    uint64_t usable = lent_steps(bytes), room = usable;
    if (usable > bytes_max() || (usable > content->room && usable - content->room > bytes_max() - bytes_used))
        return -ENOMEM;
    int64_t address = map_room(&room);
    if (address < 0)
        return (int)address;
    struct lent *lent = lent_open((uint64_t)address, room, owner, back);
    if (!lent) {
        (void)memory_unmap((uint64_t)address, room);
        return -ENOMEM;
    }
    const uint64_t length = content->bytes;
    memory_fill((uint64_t)address, content->data, length, length);
    content_drop(content);
    lent->usable = usable;
    (void)lent_set_length(lent, length);
    *content = (struct content){(uint8_t *)address, length, usable, lent};
    bytes_used += usable;
    return 0;
}

/* How much to take for so many bytes: more, so that growth step by step is cheap. */
static uint64_t room_for(const struct content *content, uint64_t bytes)
{
    uint64_t room = content->room < LARGE_BYTES ? content->room * 2 : content->room + content->room / 4;
    if (room < bytes)
        room = bytes;
    if (room < TMP_FIRST_BYTES)
        room = TMP_FIRST_BYTES;
    return room < MF_PAGE_BYTES ? room
                                : (room + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1);
}

/* Within the addresses that are kept for it, whose pages are zeros. */
static int grow_lent(struct content *content, uint64_t bytes)
{
    uint64_t usable = bytes <= content->lent->room ? lent_steps(bytes) : 0;
    if (usable < bytes || usable > content->lent->room)
        return -EBUSY;
    if (usable - content->room > bytes_max() - bytes_used)
        return -ENOSPC;
    bytes_used += usable - content->room;
    content->room = content->lent->usable = usable;
    return 0;
}

/* Where it is mapped, what is behind its end is not there. */
static int set_length(struct content *content, uint64_t bytes)
{
    return content->lent && lent_set_length(content->lent, bytes) != 0 ? -ENOSPC : 0;
}

/* Let the content have room for so many bytes; what is new of it is zero. */
static int set_room(struct content *content, uint64_t bytes)
{
    if (bytes <= content->room)
        return 0;
    if (content->lent)
        return grow_lent(content, bytes);
    if (bytes > bytes_max())
        return -ENOSPC;
    uint64_t room = room_for(content, bytes);
    if (bytes_used - content->room + room > bytes_max())
        room = bytes; /* then no more than needed */
    if (bytes_used - content->room + room > bytes_max())
        return -ENOSPC;
    uint8_t *data = heap_take(room);
    if (!data)
        return -ENOSPC;
    if (content->bytes)
        memcpy(data, content->data, content->bytes);
    heap_give(content->data, content->room);
    bytes_used += room - content->room;
    content->data = data;
    content->room = room;
    return 0;
}
