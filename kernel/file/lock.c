/*
 * lock.c: see lock.h.
 * Guarantees: locks of one owner and kind on one file do not overlap; what is refused has changed nothing,
 * but for a lock of the whole file that was to become another one (flock(2)).
 * Leaves to others: which files may be locked how (linux/files/lock.c). Owns the locks.
 */
#include "kernel/file/lock.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/file/limits.h"
#include "kernel/fs/place.h"

struct lock {
    struct lock *next;
    struct place of;          /* not held: its owner has it open, or the process a descriptor of it */
    const struct file *owner; /* NULL: the process */
    bool whole;
    enum lock_type type;
    uint64_t start, last;
};

static struct lock *all;
static uint32_t count;
static struct wait_queue changed;

static struct lock *in_the_way(const struct lock *wanted);
static int apply(struct lock *wanted);

/* Which file it is; without a file system, it is itself. */
static struct place place_of(struct file *file)
{
    return file->operations->place ? *file->operations->place(file) : (struct place){NULL, file->number};
}

static struct lock wanted_range(struct file *file, const struct lock_range *range)
{
    return (struct lock){.of = place_of(file),
                         .owner = range->process ? NULL : file,
                         .type = range->type,
                         .start = range->start,
                         .last = range->last};
}

static struct lock *take(void)
{
    struct lock *lock = count < LOCKS_MAX ? heap_take(sizeof *lock) : NULL;
    count += lock != NULL;
    return lock;
}

static void give(struct lock *lock)
{
    heap_give(lock, sizeof *lock);
    count -= lock != NULL;
}

static void put(struct lock *lock, const struct lock *as)
{
    *lock = *as;
    lock->next = all;
    all = lock;
}

static void tell(void)
{
    if (changed.first)
        (void)wait_wake(&changed, WAIT_ALL);
}

static void drop(struct lock **link)
{
    struct lock *lock = *link;
    *link = lock->next;
    give(lock);
    tell();
}

static bool is_own(const struct lock *lock, const struct lock *wanted)
{
    return lock->whole == wanted->whole && lock->owner == wanted->owner && place_same(&lock->of, &wanted->of);
}

int64_t lock_whole(struct file *file, enum lock_type type, bool waits)
{
    const struct lock wanted = {
        .of = place_of(file), .owner = file, .whole = true, .type = type, .last = INT64_MAX};
    struct lock **link = &all;
    while (*link && !is_own(*link, &wanted))
        link = &(*link)->next;
    if (*link && (*link)->type == type)
        return 0;
    if (*link)
        drop(link);
    if (type == LOCK_NONE)
        return 0;
    if (in_the_way(&wanted))
        return waits ? wait_for(&changed, WAIT_FOR_EVER) : -EAGAIN;
    struct lock *lock = take();
    if (!lock)
        return -ENOLCK;
    put(lock, &wanted);
    return 0;
}

int64_t lock_range(struct file *file, const struct lock_range *range, bool waits)
{
    mf_assert(range->start <= range->last && range->last <= INT64_MAX);
    struct lock wanted = wanted_range(file, range);
    if (range->type != LOCK_NONE && in_the_way(&wanted))
        return waits ? wait_for(&changed, WAIT_FOR_EVER) : -EAGAIN;
    return apply(&wanted);
}

bool lock_in_the_way(struct file *file, struct lock_range *range)
{
    const struct lock wanted = wanted_range(file, range);
    const struct lock *lock = in_the_way(&wanted);
    if (lock)
        *range = (struct lock_range){lock->type, !lock->owner, lock->start, lock->last};
    return lock;
}

void lock_descriptor_closed(struct file *file)
{
    if (!all)
        return;
    const struct lock process = {.of = place_of(file)};
    for (struct lock **link = &all; *link;)
        if (is_own(*link, &process))
            drop(link);
        else
            link = &(*link)->next;
}

void lock_file_closed(const struct file *file)
{
    for (struct lock **link = &all; *link;)
        if ((*link)->owner == file)
            drop(link);
        else
            link = &(*link)->next;
}

/* Of several, the one that begins first. */
static struct lock *in_the_way(const struct lock *wanted)
{
    struct lock *first = NULL;
    for (struct lock *lock = all; lock; lock = lock->next)
        if (lock->whole == wanted->whole && lock->owner != wanted->owner &&
            (lock->type == LOCK_ALONE || wanted->type == LOCK_ALONE) && lock->start <= wanted->last &&
            wanted->start <= lock->last && place_same(&lock->of, &wanted->of) &&
            (!first || lock->start < first->start))
            first = lock;
    return first;
}

/* Is there one of its own that will be two, on either side of it? */
static bool splits(const struct lock *wanted)
{
    for (const struct lock *lock = all; lock; lock = lock->next)
        if (is_own(lock, wanted) && lock->type != wanted->type && lock->start < wanted->start &&
            lock->last > wanted->last)
            return true;
    return false;
}

/* What an own lock of another type leaves beside what is wanted; *spare becomes the part behind it, if
 * there are two. False: nothing. */
static bool trim(struct lock *lock, const struct lock *wanted, struct lock **spare)
{
    bool before = lock->start < wanted->start, behind = lock->last > wanted->last;
    if (before && behind) {
        struct lock rest = *lock;
        rest.start = wanted->last + 1;
        put(*spare, &rest);
        *spare = NULL;
    }
    if (before)
        lock->last = wanted->start - 1;
    else if (behind)
        lock->start = wanted->last + 1;
    return before || behind;
}

/* Instead of what its owner has there; one with its neighbours of the same type. */
static int apply(struct lock *wanted)
{
    bool frees = wanted->type == LOCK_NONE, is_split = splits(wanted);
    struct lock *lock = frees ? NULL : take(), *spare = is_split ? take() : NULL;
    if ((!frees && !lock) || (is_split && !spare)) {
        give(lock);
        give(spare);
        return -ENOLCK;
    }
    for (struct lock **link = &all; *link;) {
        struct lock *old = *link;
        bool same = old->type == wanted->type;
        bool meets = is_own(old, wanted) && old->start <= wanted->last + same && wanted->start <= old->last + same;
        if (meets && same) {
            wanted->start = old->start < wanted->start ? old->start : wanted->start;
            wanted->last = old->last > wanted->last ? old->last : wanted->last;
        }
        if (meets && (same || !trim(old, wanted, &spare)))
            drop(link);
        else
            link = &old->next;
    }
    if (lock)
        put(lock, wanted);
    tell();
    return 0;
}
