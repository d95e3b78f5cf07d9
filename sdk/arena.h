/*
 * arena.h: memory of one event. The first chunk is part of the program, so a small
 * event allocates nothing; further chunks come from malloc() and go back at reset.
 */
#ifndef MF_SDK_ARENA_H
#define MF_SDK_ARENA_H

#include <stddef.h>

#define ARENA_FIRST_BYTES 16384u
#define ARENA_CHUNK_BYTES 65536u

struct arena_chunk;

struct arena {
    size_t used; /* of the newest chunk, or of the first */
    size_t room;
    char *at;
    struct arena_chunk *newest; /* NULL: still in the first chunk */
};

void arena_reset(struct arena *arena);
/* Aligned for any type. NULL: no memory left. */
void *arena_take(struct arena *arena, size_t bytes);

#endif
