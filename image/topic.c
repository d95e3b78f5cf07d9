/* topic.c: see topic.h. */
#include "image/topic.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

#define SHARE "$share/"

static mf_err text_check(const char *text, size_t bytes, struct mf_why *why)
{
    if (bytes == 0 || bytes > MF_TOPIC_BYTES_MAX)
        return mf_why(why, MF_EINVAL, "%zu bytes; 1 to %u are allowed", bytes, MF_TOPIC_BYTES_MAX);
    const uint8_t *at = (const uint8_t *)text;
    for (size_t i = 0; i < bytes;) {
        size_t length = mf_utf8_length(at + i, bytes - i);
        if (length == 0)
            return mf_why(why, MF_EINVAL, "byte %zu is not UTF-8", i + 1);
        /* Allowed to be refused by MQTT 1.5.4: who logs or prints a topic is thankful. */
        if (at[i] < ' ' || at[i] == 0x7f || (at[i] == 0xc2 && at[i + 1] < 0xa0))
            return mf_why(why, MF_EINVAL, "byte %zu is a control character", i + 1);
        i += length;
    }
    return MF_OK;
}

mf_err topic_filter_check(const char *filter, size_t bytes, struct mf_why *why)
{
    mf_err err = text_check(filter, bytes, why);
    if (err)
        return err;
    for (size_t i = 0; i < bytes; i++) {
        if (filter[i] != '+' && filter[i] != '#')
            continue;
        bool begins = i == 0 || filter[i - 1] == '/', last = i + 1 == bytes;
        if (!begins || (!last && filter[i + 1] != '/'))
            return mf_why(why, MF_EINVAL, "%c at byte %zu is not a level by itself, as in a/%c",
                          filter[i], i + 1, filter[i]);
        if (filter[i] == '#' && !last)
            return mf_why(why, MF_EINVAL, "# at byte %zu is not the last level", i + 1);
    }
    size_t prefix;
    err = topic_shared_prefix(filter, bytes, &prefix);
    return err ? mf_why(why, err, SHARE "GROUP/FILTER: a group without wildcards, and a filter") : MF_OK;
}

mf_err topic_shared_prefix(const char *text, size_t bytes, size_t *prefix)
{
    *prefix = 0;
    if (bytes < sizeof SHARE - 1 || memcmp(text, SHARE, sizeof SHARE - 1) != 0)
        return MF_OK;
    const char *group = text + sizeof SHARE - 1, *end = text + bytes;
    const char *slash = memchr(group, '/', (size_t)(end - group));
    if (!slash || slash == group || slash + 1 == end)
        return MF_EINVAL;
    if (memchr(group, '+', (size_t)(slash - group)) || memchr(group, '#', (size_t)(slash - group)))
        return MF_EINVAL;
    *prefix = (size_t)(slash + 1 - text);
    return MF_OK;
}

mf_err topic_name_check(const char *name, size_t bytes, struct mf_why *why)
{
    mf_err err = text_check(name, bytes, why);
    if (!err && (memchr(name, '+', bytes) || memchr(name, '#', bytes)))
        err = mf_why(why, MF_EINVAL, "+ and # belong into filters, not into the name of a topic");
    return err;
}

static size_t level_bytes(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));
    return (size_t)((slash ? slash : end) - at);
}

bool topic_filter_takes(const char *filter, size_t filter_bytes, const char *name,
                        size_t name_bytes)
{
    const char *filter_end = filter + filter_bytes, *name_end = name + name_bytes;
    if (name[0] == '$' && (filter[0] == '+' || filter[0] == '#')) /* 4.7.2 */
        return false;
    for (;;) {
        size_t wanted = level_bytes(filter, filter_end), there = level_bytes(name, name_end);
        if (wanted == 1 && filter[0] == '#')
            return true;
        if (!(wanted == 1 && filter[0] == '+') &&
            (wanted != there || memcmp(filter, name, wanted) != 0))
            return false;
        filter += wanted;
        name += there;
        if (name == name_end) /* "a/#" takes "a", too: 4.7.1.2 */
            return filter == filter_end ||
                   (filter_end - filter == 2 && memcmp(filter, "/#", 2) == 0);
        if (filter == filter_end)
            return false;
        filter++;
        name++;
    }
}

static bool is_wild(const char *filter, size_t level)
{
    return level == 1 && (filter[0] == '+' || filter[0] == '#');
}

bool topic_filters_meet(const char *one, size_t one_bytes, const char *other, size_t other_bytes)
{
    const char *one_end = one + one_bytes, *other_end = other + other_bytes;
    if ((one[0] == '$' && (other[0] == '+' || other[0] == '#')) || /* 4.7.2 */
        (other[0] == '$' && (one[0] == '+' || one[0] == '#')))
        return false;
    for (;;) {
        size_t a = level_bytes(one, one_end), b = level_bytes(other, other_end);
        if ((a == 1 && one[0] == '#') || (b == 1 && other[0] == '#'))
            return true;
        if (!is_wild(one, a) && !is_wild(other, b) && (a != b || memcmp(one, other, a) != 0))
            return false;
        one += a;
        other += b;
        if (one == one_end || other == other_end) /* "a/#" takes "a", too: 4.7.1.2 */
            return (one == one_end && other == other_end) ||
                   (one_end - one == 2 && memcmp(one, "/#", 2) == 0) ||
                   (other_end - other == 2 && memcmp(other, "/#", 2) == 0);
        one++;
        other++;
    }
}
