/* followers.c: see followers.h. */
#include "image/followers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "image/settings.h"

static bool is_named(const struct mf_buf *names, const char *name)
{
    for (size_t at = 0; at < names->bytes; at += strlen((const char *)names->data + at) + 1)
        if (strcmp((const char *)names->data + at, name) == 0)
            return true;
    return false;
}

/* Only what could not be a name is strange enough for a terminal; it is not told. */
static mf_err add(const json_t *value, size_t place, struct mf_buf *names, struct mf_why *why)
{
    const char *name = json_string_value(value);
    if (!name || !settings_name_valid(name, strlen(name)))
        return mf_why(why, MF_EINVAL, "then: entry %zu is not the name of a function; 1 to %d of a-z, "
                      "0-9 and -, no - at either end", place + 1, MF_NAME_BYTES_MAX);
    if (is_named(names, name))
        return mf_why(why, MF_EINVAL, "then: %s stands there twice", name);
    return mf_buf_add(names, name, strlen(name) + 1);
}

mf_err followers_from_json(const json_t *list, struct followers *followers, struct mf_why *why)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > MF_THEN_MAX)
        return mf_why(why, MF_EINVAL, "then: must be a list of at most %u functions, [NAME, ...]",
                      MF_THEN_MAX);
    struct mf_buf names = {0};
    mf_err err = MF_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = add(json_array_get(list, i), i, &names, why);
    if (err) {
        mf_buf_close(&names);
        return err;
    }
    followers_close(followers);
    *followers = (struct followers){(uint32_t)count, (uint32_t)names.bytes, (char *)names.data};
    return MF_OK;
}

const char *followers_next(const struct followers *followers, const char *name)
{
    const char *next = name ? name + strlen(name) + 1 : followers->names;
    return next && next < followers->names + followers->bytes ? next : NULL;
}

json_t *followers_to_json(const struct followers *followers)
{
    json_t *list = json_array();
    for (const char *name = NULL; list && (name = followers_next(followers, name)) != NULL;) {
        if (json_array_append_new(list, json_string(name)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

mf_err followers_copy(const struct followers *from, struct followers *to)
{
    *to = (struct followers){0};
    if (!from->names)
        return MF_OK;
    to->names = malloc(from->bytes);
    if (!to->names)
        return MF_ENOMEM;
    memcpy(to->names, from->names, from->bytes);
    to->count = from->count;
    to->bytes = from->bytes;
    return MF_OK;
}

void followers_close(struct followers *followers)
{
    free(followers->names);
    *followers = (struct followers){0};
}
