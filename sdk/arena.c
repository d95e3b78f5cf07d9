/* arena.c: a pointer that moves up. There is one arena in a program: the first chunk is static. */
#include "sdk/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "sdk/large.h"

struct arena_chunk {
    struct arena_chunk *older;
    alignas(max_align_t) char data[];
};

static alignas(max_align_t) char first[ARENA_FIRST_BYTES] SDK_LARGE;

void arena_reset(struct arena *arena)
{
    while (arena->newest) {
        struct arena_chunk *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    *arena = (struct arena){.room = sizeof first, .at = first};
}

static int grow(struct arena *arena, size_t bytes)
{
    size_t room = bytes > ARENA_CHUNK_BYTES ? bytes : ARENA_CHUNK_BYTES;
    struct arena_chunk *chunk = malloc(sizeof *chunk + room);
    if (!chunk)
        return 0;
    chunk->older = arena->newest;
    arena->newest = chunk;
    arena->at = chunk->data;
    arena->room = room;
    arena->used = 0;
    return 1;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + align - 1) / align * align;
    if (bytes > arena->room - arena->used && !grow(arena, bytes))
        return NULL;
    void *taken = arena->at + arena->used;
    arena->used += bytes;
    return taken;
}
