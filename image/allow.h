/*
 * allow.h: what a function may ask the node for while it runs (settings.h, `allow`): lists
 * of names, prefixes and filters, one for each kind of thing. What is not named is refused.
 * Any thread; a struct allow has one owner.
 *
 *   http     HOST:PORT, [ADDRESS]:PORT, *.DOMAIN:PORT; with http:// or https:// before it only
 *            so, and the port may be left out (node/egress/allowed.h decides)
 *   publish  MQTT topic filters
 *   push     names of queues, or "*" for any
 *   pop      the same
 *   read     beginnings of keys, or "*" for any key
 *   write    the same
 *   secrets  names of secrets
 *   splice   the same, but only for the node to put into a header that it sends
 */
#ifndef MF_IMAGE_ALLOW_H
#define MF_IMAGE_ALLOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

/* X(NAME, key), the keys in ascending order */
#define ALLOW_KINDS(X) \
    X(HTTP, http)      \
    X(POP, pop)        \
    X(PUBLISH, publish) \
    X(PUSH, push)      \
    X(READ, read)      \
    X(SECRETS, secrets) \
    X(SPLICE, splice)  \
    X(WRITE, write)

#define ALLOW_ENUM(NAME, key) ALLOW_##NAME,
enum allow_kind { ALLOW_KINDS(ALLOW_ENUM) ALLOW_KIND_COUNT };

/* Zero: nothing. */
struct allow {
    char *text; /* heap, owned: all strings, each with its NUL, kind after kind */
    uint32_t bytes;
    uint32_t count[ALLOW_KIND_COUNT];
};

/* Replaces all of it by what a JSON object of lists says. MF_EINVAL with the key; then nothing
 * is changed. */
MF_CHECKED mf_err allow_from_json(const json_t *object, struct allow *allow, struct mf_why *why);
json_t *allow_to_json(const struct allow *allow); /* a new reference; NULL on no memory */
MF_CHECKED mf_err allow_copy(const struct allow *from, struct allow *to);
void allow_close(struct allow *allow);

/* The first of count[kind] entries of a kind; each begins behind the NUL of the one before. */
const char *allow_first(const struct allow *allow, enum allow_kind kind);
/* Pointers to them, at most MF_ALLOW_COUNT_MAX; how many. */
size_t allow_list(const struct allow *allow, enum allow_kind kind,
                  const char *list[static MF_ALLOW_COUNT_MAX]);

/* Could it stand in a list of that kind? */
bool allow_entry_valid(enum allow_kind kind, const char *text, size_t bytes);

/* May it? */
bool allow_name(const struct allow *allow, enum allow_kind kind, const char *name, size_t bytes);
bool allow_key(const struct allow *allow, enum allow_kind kind, const void *key, size_t bytes);
bool allow_topic(const struct allow *allow, const char *topic, size_t bytes);

#endif
