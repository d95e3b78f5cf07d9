/*
 * watch.c: see watch.h.
 * Guarantees: at most WATCHES_MAX; of one place one for each owner. Leaves to others: queues
 * (inotify.c), what happens (the file systems). Owns watches.
 */
#include "kernel/fs/watch.h"

#include <asm/errno.h>
#include <linux/inotify.h>

#include "kernel/core/heap.h"
#include "kernel/fs/inotify.h"

/* What a watch keeps of the mask that it was asked for with. */
#define KEPT (IN_ALL_EVENTS | IN_ONESHOT)

static uint32_t watches_used;

static struct watch **find(struct inotify *owner, int32_t number)
{
    struct watch **link = &owner->watches;
    while (*link && (*link)->number != number)
        link = &(*link)->owners_next;
    return link;
}

static struct watch *find_place(struct inotify *owner, const struct place *place)
{
    struct watch *watch = owner->watches;
    while (watch && !place_same(&watch->place, place))
        watch = watch->owners_next;
    return watch;
}

/* Ascending, and when that has come to its end, any that is free. */
static int32_t number_for(struct inotify *owner)
{
    do
        owner->last_number = owner->last_number < INT32_MAX ? owner->last_number + 1 : 1;
    while (*find(owner, owner->last_number));
    return owner->last_number;
}

int64_t watch_add(struct inotify *owner, const struct place *place, uint32_t mask)
{
    struct watch *watch = find_place(owner, place);
    if (watch && mask & IN_MASK_CREATE)
        return -EEXIST;
    if (watch) {
        watch->mask = (mask & KEPT) | (mask & IN_MASK_ADD ? watch->mask : 0);
        return watch->number;
    }
    if (watches_used == WATCHES_MAX)
        return -ENOSPC;
    watch = heap_take(sizeof *watch);
    if (!watch)
        return -ENOMEM;
    watches_used++;
    *watch = (struct watch){.first = place->fs->watches ? place->fs->watches(place) : NULL,
                            .owners_next = owner->watches,
                            .owner = owner,
                            .place = *place,
                            .number = number_for(owner),
                            .mask = mask & KEPT};
    owner->watches = watch;
    if (watch->first) {
        watch->next = *watch->first;
        *watch->first = watch;
    }
    return watch->number;
}

/* link: of the owner's. */
static void end(struct watch **link)
{
    struct watch *watch = *link;
    *link = watch->owners_next;
    if (watch->first) {
        struct watch **place = watch->first;
        while (*place != watch)
            place = &(*place)->next;
        *place = watch->next;
    }
    watches_used--;
    heap_give(watch, sizeof *watch);
}

/* The end, which its owner is told of. */
static void ignore(struct watch *watch)
{
    struct inotify *owner = watch->owner;
    const int32_t number = watch->number;
    end(find(owner, number));
    inotify_queue(owner, number, IN_IGNORED, 0, (struct name){0});
}

int watch_remove(struct inotify *owner, int32_t number)
{
    struct watch *watch = *find(owner, number);
    if (!watch)
        return -EINVAL;
    ignore(watch);
    return 0;
}

void watch_close(struct inotify *owner)
{
    while (owner->watches)
        end(&owner->watches);
}

bool watch_any(void)
{
    return watches_used != 0;
}

void watch_tell(struct watch *first, uint32_t mask, uint32_t cookie, struct name name)
{
    while (first) {
        struct watch *watch = first;
        first = watch->next;
        if (!(watch->mask & mask & IN_ALL_EVENTS))
            continue;
        inotify_queue(watch->owner, watch->number, mask, cookie, name);
        if (watch->mask & IN_ONESHOT)
            ignore(watch);
    }
}

void watch_gone(struct watch **first)
{
    watch_tell(*first, IN_DELETE_SELF, 0, (struct name){0});
    while (*first)
        ignore(*first);
}
