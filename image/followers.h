/*
 * followers.h: the functions that get a function's replies as events: its setting `then`, a
 * list of names. Any thread; one owner.
 */
#ifndef MF_IMAGE_FOLLOWERS_H
#define MF_IMAGE_FOLLOWERS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Zeroed: none. */
struct followers {
    uint32_t count;
    uint32_t bytes;
    char *names; /* heap, owned: each with its NUL, one after the other; NULL: none */
};

/* Replaces the whole list, or leaves it as it is: MF_EINVAL says what is wrong with it. No name
 * twice, MF_THEN_MAX at most. */
MF_CHECKED mf_err followers_from_json(const json_t *list, struct followers *followers,
                                      struct mf_why *why);
json_t *followers_to_json(const struct followers *followers); /* NULL: no memory */
MF_CHECKED mf_err followers_copy(const struct followers *from, struct followers *to);
void followers_close(struct followers *followers);

/* One after the other: NULL gives the first, NULL is the end. */
const char *followers_next(const struct followers *followers, const char *name);

#endif
