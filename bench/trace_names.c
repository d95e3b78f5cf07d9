/* trace_names.c: an open hash table over one text (trace_names.h). */
#include "bench/trace_names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256u

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *name, size_t bytes)
{
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < bytes; i++)
        value = (value ^ (unsigned char)name[i]) * 16777619u;
    return value;
}

static const char *name_of(const struct names *names, uint32_t number, size_t *bytes)
{
    *bytes = names->begin[number + 1] - names->begin[number];
    return (const char *)names->text.data + names->begin[number];
}

/* Where it stands, or the free slot where it would. */
static uint32_t *find(const struct names *names, const char *name, size_t bytes)
{
    for (uint32_t at = hash(name, bytes);; at++) {
        uint32_t *slot = &names->slot[at & (names->slots - 1)];
        size_t known_bytes;
        if (*slot == 0)
            return slot;
        const char *known = name_of(names, *slot - 1, &known_bytes);
        if (known_bytes == bytes && memcmp(known, name, bytes) == 0)
            return slot;
    }
}

static mf_err grow(struct names *names)
{
    struct names more = *names;
    more.slots = names->slots ? names->slots * 2 : SLOTS_FIRST;
    more.slot = calloc(more.slots, sizeof *more.slot);
    uint32_t *begin = realloc(names->begin, (more.slots / 2 + 1) * sizeof *begin);
    if (begin)
        names->begin = more.begin = begin;
    if (!more.slot || !begin) {
        free(more.slot);
        return MF_ENOMEM;
    }
    begin[0] = 0;
    for (uint32_t i = 0; i < names->count; i++) {
        size_t bytes;
        const char *name = name_of(names, i, &bytes);
        *find(&more, name, bytes) = i + 1;
    }
    free(names->slot);
    *names = more;
    return MF_OK;
}

mf_err names_number(struct names *names, const char *name, size_t bytes, uint32_t most,
                    uint32_t *number)
{
    if (names->count >= names->slots / 2) {
        mf_err err = grow(names);
        if (err)
            return err;
    }
    uint32_t *slot = find(names, name, bytes);
    if (*slot == 0) {
        if (names->count == most)
            return MF_ETOOBIG;
        mf_err err = mf_buf_add(&names->text, name, bytes);
        if (err)
            return err;
        *slot = ++names->count;
        names->begin[names->count] = (uint32_t)names->text.bytes;
    }
    *number = *slot - 1;
    return MF_OK;
}

void names_close(struct names *names)
{
    mf_buf_close(&names->text);
    free(names->begin);
    free(names->slot);
    *names = (struct names){0};
}
