/*
 * secret.c: see secret.h. What is spliced is not looked at again: a value that says
 * ${secret:OTHER} stays as it is.
 */
#include "node/egress/secret.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "abi/event.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "node/functions/state_dir.h"

#define OPENING "${secret:"
#define OPENING_BYTES (sizeof OPENING - 1)

bool secret_name_valid(const char *name, size_t bytes)
{
    if (bytes == 0 || bytes > MF_SECRET_NAME_BYTES_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

bool secret_listed(const struct secret_names *list, const char *name, size_t bytes)
{
    for (size_t i = 0; list && i < list->count; i++)
        if (strlen(list->names[i]) == bytes && memcmp(list->names[i], name, bytes) == 0)
            return true;
    return false;
}

void secret_wipe(struct mf_buf *value)
{
    if (value->data)
        sodium_memzero(value->data, value->room);
    mf_buf_close(value);
}

/* Who asked is a tenant's function, which need not know where the node keeps what: the path is for the node's own log,
 * once a second at most, as a guest decides how often it asks. */
static mf_err unreadable(mf_err err, const char *name, size_t bytes, const char *words, struct mf_why *why)
{
    static uint64_t quiet_until_ns;
    const uint64_t now_ns = mf_monotonic_ns();
    if (now_ns >= quiet_until_ns) {
        quiet_until_ns = now_ns + MF_NS_PER_S;
        mf_log(MF_LOG_WARN, "secret.unreadable", "name=%.*s why=\"%s\"", (int)bytes, name, words);
    }
    if (err == MF_EDENIED)
        return mf_why(why, err, "the secret %.*s may not be used: its file has to belong to the node's user and be closed "
                      "to others (`chmod 600`); the node's log says which it is", (int)bytes, name);
    if (err == MF_ETOOBIG)
        return mf_why(why, err, "the secret %.*s is larger than %u bytes", (int)bytes, name, MF_SECRET_BYTES_MAX);
    return mf_why(why, err, "the secret %.*s cannot be read: %s; the node's log says more", (int)bytes, name,
                  mf_err_words(err));
}

mf_err secret_read(const char *directory, const char *name, size_t bytes, struct mf_buf *out,
                   struct mf_why *why)
{
    char path[PATH_MAX + MF_SECRET_NAME_BYTES_MAX + 2];
    struct mf_buf value = {0};
    struct mf_why told = {{0}};
    if (!secret_name_valid(name, bytes))
        return mf_why(why, MF_EINVAL, "a secret's name has 1 to %u letters, digits, - _ and .",
                      MF_SECRET_NAME_BYTES_MAX);
    if (!directory[0])
        return mf_why(why, MF_ENOENT, "this node keeps no secrets; it is given some by --secrets DIR");
    (void)snprintf(path, sizeof path, "%s/%.*s", directory, (int)bytes, name);
    mf_err err = state_read_secret(path, MF_SECRET_BYTES_MAX, &value, &told);
    if (err == MF_ENOENT)
        (void)mf_why(why, err, "there is no secret %.*s on this node", (int)bytes, name);
    else if (err)
        (void)unreadable(err, name, bytes, mf_why_text(&told, err), why);
    if (!err && value.bytes && value.data[value.bytes - 1] == '\n')
        value.bytes--;
    if (!err && value.bytes)
        err = mf_buf_add(out, value.data, value.bytes);
    secret_wipe(&value);
    return err;
}

/* A value as of RFC 9110, 5.5: what else would be a second header. */
static bool fits_header(const uint8_t *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return false;
    return true;
}

static mf_err splice_one(const char *name, size_t bytes, secret_source source, void *context,
                         struct mf_buf *out, struct mf_why *why)
{
    struct mf_buf value = {0};
    if (!secret_name_valid(name, bytes))
        return mf_why(why, MF_EINVAL, "${secret:NAME} in a header: no name of a secret there");
    mf_err err = source(context, name, bytes, &value, why);
    if (!err && !fits_header(value.data, value.bytes))
        err = mf_why(why, MF_EINVAL, "the secret %.*s has a line break or another control character, "
                     "and does not go into a header", (int)bytes, name);
    if (!err && value.bytes > MF_FIELD_VALUE_MAX - out->bytes)
        err = mf_why(why, MF_ETOOBIG, "a header's value with its secrets is over %u bytes",
                     MF_FIELD_VALUE_MAX);
    if (!err && value.bytes)
        err = mf_buf_add(out, value.data, value.bytes);
    secret_wipe(&value);
    return err;
}

mf_err secret_splice(const char *text, size_t bytes, secret_source source, void *context,
                     struct mf_buf *out, size_t *spliced, struct mf_why *why)
{
    mf_err err = MF_OK;
    *spliced = 0;
    while (!err && bytes > 0) {
        const char *open = memmem(text, bytes, OPENING, OPENING_BYTES);
        size_t plain = open ? (size_t)(open - text) : bytes;
        if (plain > MF_FIELD_VALUE_MAX - out->bytes)
            err = mf_why(why, MF_ETOOBIG, "a header's value is over %u bytes", MF_FIELD_VALUE_MAX);
        else if (plain)
            err = mf_buf_add(out, text, plain);
        text += plain;
        bytes -= plain;
        if (err || !open)
            continue;
        const char *name = open + OPENING_BYTES;
        const char *close = memchr(name, '}', bytes - OPENING_BYTES);
        if (!close) {
            err = mf_why(why, MF_EINVAL, "${secret:NAME} in a header: its } is missing");
            continue;
        }
        err = splice_one(name, (size_t)(close - name), source, context, out, why);
        (*spliced)++;
        bytes -= (size_t)(close + 1 - text);
        text = close + 1;
    }
    if (err)
        secret_wipe(out);
    return err;
}
