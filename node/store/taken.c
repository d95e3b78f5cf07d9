/*
 * taken.c: slots in a file mapped shared.
 * Guarantees: a slot that is read is whole. Owns the mapping. One thread.
 */
#include "node/store/taken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Mixes all bits (the finalizer of SplitMix64), never 0. */
static uint64_t check_of(const struct taken_slot *slot)
{
    uint64_t x = slot->id * 0x9e3779b97f4a7c15u + ((uint64_t)slot->queue << 32 | slot->attempts);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (x ^ x >> 31) | 1;
}

/* Room on the disk for all of it: a write to a page that cannot be had would be SIGBUS. */
static mf_err make_room(int fd, size_t bytes, const char *name, struct mf_why *why)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return mf_why(why, MF_EIO, "cannot look at %s: %s", name, strerror(errno));
    if (stat.st_size > (off_t)bytes && ftruncate(fd, (off_t)bytes) != 0)
        return mf_why(why, MF_EIO, "cannot shorten %s: %s", name, strerror(errno));
    int error = posix_fallocate(fd, 0, (off_t)bytes);
    if (error == ENOSPC || error == EDQUOT)
        return mf_why(why, MF_EFULL, "no room for %s: the disk is full; make room and try again", name);
    if (error)
        return mf_why(why, MF_EIO, "no room for %s: %s", name, strerror(error));
    return MF_OK;
}

mf_err taken_open(int dir_fd, const char *name, uint32_t slots, struct taken *taken,
                  struct mf_why *why)
{
    size_t bytes = (size_t)slots * sizeof(struct taken_slot);
    *taken = (struct taken){.slots = slots};
    int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot open %s: %s", name, strerror(errno));
    mf_err err = make_room(fd, bytes, name, why);
    void *at = err ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!err && at == MAP_FAILED)
        err = mf_why(why, MF_EIO, "cannot map %s: %s", name, strerror(errno));
    (void)close(fd);
    if (err)
        return err;
    taken->slot = at;
    taken->free_slot = malloc(slots * sizeof *taken->free_slot);
    if (!taken->free_slot) {
        taken_close(taken);
        return MF_ENOMEM;
    }
    return MF_OK;
}

void taken_close(struct taken *taken)
{
    if (taken->slot)
        (void)munmap(taken->slot, (size_t)taken->slots * sizeof(struct taken_slot));
    free(taken->free_slot);
    *taken = (struct taken){0};
}

bool taken_read(const struct taken *taken, uint32_t slot, struct taken_slot *content)
{
    memcpy(content, &taken->slot[slot], sizeof *content);
    return content->check != 0 && content->check == check_of(content);
}

void taken_clear(struct taken *taken)
{
    for (uint32_t i = 0; i < taken->slots; i++)
        if (taken->slot[i].check) /* do not write to pages that are zero */
            taken->slot[i].check = 0;
    taken->free_count = taken->untouched = 0;
    /* looking at all of it made it resident; it stays in the page cache */
    (void)madvise(taken->slot, (size_t)taken->slots * sizeof(struct taken_slot), MADV_DONTNEED);
}

uint32_t taken_add(struct taken *taken)
{
    if (taken->free_count)
        return taken->free_slot[--taken->free_count];
    return taken->untouched < taken->slots ? taken->untouched++ : TAKEN_NONE;
}

void taken_write(struct taken *taken, uint32_t slot, uint32_t queue, uint64_t id,
                 uint32_t attempts)
{
    struct taken_slot *at = &taken->slot[slot];
    at->check = 0; /* killed between here and the end, the slot says nothing */
    atomic_signal_fence(memory_order_seq_cst);
    at->queue = queue;
    at->id = id;
    at->attempts = attempts;
    atomic_signal_fence(memory_order_seq_cst);
    at->check = check_of(at);
}

void taken_remove(struct taken *taken, uint32_t slot)
{
    taken->slot[slot].check = 0;
    taken->free_slot[taken->free_count++] = slot;
}
