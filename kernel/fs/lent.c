/* lent.c: see lent.h. Owns the list and what is in it, not the pages. */
#include "kernel/fs/lent.h"

#include <stddef.h>

#include "abi/layout.h"
#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/memory.h"

static struct lent *all;

static size_t bytes_of(uint64_t room)
{
    return sizeof(struct lent) + room / MF_PAGE_BYTES * sizeof(uint16_t);
}

struct lent *lent_open(uint64_t address, uint64_t room, void *owner, void (*back)(void *owner))
{
    struct lent *lent = heap_take(bytes_of(room));
    if (!lent)
        return NULL;
    lent->address = address;
    lent->room = room;
    lent->owner = owner;
    lent->back = back;
    lent->next = all;
    return all = lent;
}

void lent_close(struct lent *lent)
{
    struct lent **link = &all;
    while (*link != lent)
        link = &(*link)->next;
    *link = lent->next;
    heap_give(lent, bytes_of(lent->room));
}

/* Pages behind the file's end, up to there. Without room for that they stay zeros. */
static void close_to(struct lent *lent, uint64_t end)
{
    uint64_t from = lent->length > lent->closed_end ? lent->length : lent->closed_end;
    if (end > from && memory_behind(lent->address + from, end - from, true) == 0)
        lent->closed_end = end;
}

int lent_set_length(struct lent *lent, uint64_t bytes)
{
    const uint64_t before = lent->length, now = (bytes + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1);
    uint64_t open_end = now < lent->closed_end ? now : lent->closed_end;
    int error = before < open_end ? memory_behind(lent->address + before, open_end - before, false) : 0;
    if (error)
        return error;
    lent->length = now;
    if (now < before && memory_behind(lent->address + now, before - now, true) == 0 && lent->closed_end < before)
        lent->closed_end = before;
    return 0;
}

bool lent_map(struct lent *lent, uint64_t offset, uint64_t bytes)
{
    mf_assert(offset <= lent->usable && bytes <= lent->usable - offset);
    const uint64_t from = offset / MF_PAGE_BYTES, end = from + bytes / MF_PAGE_BYTES;
    for (uint64_t page = from; page < end; page++)
        if (lent->times[page] == UINT16_MAX)
            return false;
    for (uint64_t page = from; page < end; page++)
        lent->times[page]++;
    lent->mapped += end - from;
    close_to(lent, offset + bytes);
    return true;
}

void lent_unmap(struct lent *lent, uint64_t address, uint64_t bytes)
{
    uint64_t before = lent->mapped;
    for (uint64_t page = 0; page < lent->room / MF_PAGE_BYTES; page++) {
        uint64_t at = lent->address + page * MF_PAGE_BYTES;
        if (at < address || at - address >= bytes || lent->times[page] == 0)
            continue;
        lent->times[page]--;
        lent->mapped--;
    }
    if (before && lent->mapped == 0)
        lent->back(lent->owner);
}

bool lent_unmap_all(void)
{
    for (struct lent *lent = all, *next; lent; lent = next) {
        next = lent->next; /* back() may close it, and no other */
        for (uint64_t page = 0; page < lent->room / MF_PAGE_BYTES; page++)
            lent->times[page] = 0;
        bool was_mapped = lent->mapped;
        lent->mapped = 0;
        if (was_mapped)
            lent->back(lent->owner);
    }
    return !all;
}

struct lent *lent_find(uint64_t address, uint64_t bytes)
{
    struct lent *lowest = NULL;
    for (struct lent *lent = all; lent; lent = lent->next) {
        bool meets = lent->address < address ? address - lent->address < lent->room
                                             : lent->address - address < bytes;
        if (meets && (!lowest || lent->address < lowest->address))
            lowest = lent;
    }
    return lowest;
}

bool lent_holds(uint64_t address, uint64_t bytes)
{
    const struct lent *lent = lent_find(address, bytes);
    return lent && address >= lent->address && address - lent->address <= lent->room &&
           bytes <= lent->room - (address - lent->address);
}
