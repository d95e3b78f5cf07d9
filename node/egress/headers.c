/*
 * headers.c: the headers of a request, as its owner wants them, with secrets in their places.
 * Guarantees: none of the connection, no Host, no Content-Length is the owner's; a secret is
 * spliced only if the owner may use it.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "node/egress/transfer.h"
#include "node/gateway/request.h"

#define AGENT "mayfly/" MF_VERSION

struct splicing {
    struct transfer *transfer;
    const struct secret_names *allowed;
};

/* What goes into a header is remembered, so that no answer repeats it. */
static mf_err read_secret(void *context, const char *name, size_t bytes, struct mf_buf *out,
                          struct mf_why *why)
{
    const struct splicing *splicing = context;
    struct transfer *transfer = splicing->transfer;
    if (!secret_listed(splicing->allowed, name, bytes))
        return mf_why(why, MF_EDENIED, "the secret %.*s is not among those that may be used here",
                      (int)bytes, name);
    const struct secret_names readable = {splicing->allowed->names, splicing->allowed->readable, 0};
    mf_err err = secret_read(transfer->egress->secrets, name, bytes, out, why);
    if (err)
        return err;
    if (out->bytes < SECRET_HIDDEN_BYTES_MIN && !secret_listed(&readable, name, bytes))
        return mf_why(why, MF_EDENIED, "the secret %.*s has less than %u bytes: whether an answer repeats it could not "
                      "be told, so it goes only where allow.secrets lets it be read", (int)bytes, name,
                      SECRET_HIDDEN_BYTES_MIN);
    struct mf_buf *more =
        realloc(transfer->secrets, (transfer->secret_count + 1) * sizeof *transfer->secrets);
    if (!more)
        return MF_ENOMEM;
    transfer->secrets = more;
    more[transfer->secret_count] = (struct mf_buf){0};
    err = out->bytes ? mf_buf_add(&more[transfer->secret_count], out->data, out->bytes) : MF_OK;
    transfer->secret_count++;
    return err;
}

static mf_err add_line(struct transfer *transfer, const struct mf_buf *line)
{
    struct curl_slist *list = transfer->egress->curl->slist_append(transfer->headers,
                                                                   (const char *)line->data);
    if (!list)
        return MF_ENOMEM;
    transfer->headers = list;
    return MF_OK;
}

/* "name: value", as curl wants it: an empty value is "name;". */
static mf_err add_header(struct transfer *transfer, const char *name, size_t name_bytes,
                         const void *value, size_t value_bytes)
{
    struct mf_buf line = {0};
    mf_err err = mf_buf_add(&line, name, name_bytes);
    if (!err)
        err = mf_buf_add(&line, value_bytes ? ": " : ";", value_bytes ? 2 : 1);
    if (!err && value_bytes)
        err = mf_buf_add(&line, value, value_bytes);
    if (!err)
        err = add_line(transfer, &line);
    secret_wipe(&line);
    return err;
}

static bool is(const struct field *field, const char *name)
{
    return field->name_bytes == strlen(name) && memcmp(field->name, name, field->name_bytes) == 0;
}

static mf_err put_header(struct transfer *transfer, const struct egress_request *request,
                         const struct field *field, struct mf_why *why)
{
    struct splicing splicing = {transfer, request->splice};
    struct mf_buf value = {0};
    size_t spliced = 0;
    if (!request->splice)
        return add_header(transfer, field->name, field->name_bytes, field->value, field->value_bytes);
    mf_err err = secret_splice(field->value, field->value_bytes, read_secret, &splicing, &value,
                               &spliced, why);
    if (!err)
        err = add_header(transfer, field->name, field->name_bytes, value.data, value.bytes);
    secret_wipe(&value);
    return err;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* user:password of a URL, RFC 7617. */
static mf_err put_user(struct transfer *transfer, const struct url *url)
{
    struct mf_buf plain = {0};
    mf_err err = MF_OK;
    for (size_t i = 0; !err && i < url->user_bytes; i++) {
        char c = url->user[i];
        if (c == '%' && url->user_bytes - i > 2 && hex(url->user[i + 1]) >= 0 && hex(url->user[i + 2]) >= 0) {
            c = (char)(hex(url->user[i + 1]) << 4 | hex(url->user[i + 2]));
            i += 2;
        }
        err = mf_buf_add(&plain, &c, 1);
    }
    if (!err && !memchr(url->user, ':', url->user_bytes))
        err = mf_buf_add(&plain, ":", 1);
    size_t room = sodium_base64_encoded_len(plain.bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = err ? NULL : malloc(room);
    struct mf_buf value = {0};
    if (!text)
        err = MF_ENOMEM;
    if (!err)
        err = mf_buf_printf(&value, "Basic %s",
                            sodium_bin2base64(text, room, plain.data, plain.bytes,
                                              sodium_base64_VARIANT_ORIGINAL));
    if (!err)
        err = add_header(transfer, "authorization", 13, value.data, value.bytes);
    free(text);
    secret_wipe(&value);
    secret_wipe(&plain);
    return err;
}

/* What curl would add by itself is given here: "Name:" alone keeps it away. */
static mf_err put_defaults(struct transfer *transfer, bool type, bool agent, bool accept)
{
    const char *const line[] = {"Expect:", type ? NULL : "Content-Type:",
                                agent ? NULL : "User-Agent: " AGENT, accept ? NULL : "Accept: */*"};
    for (size_t i = 0; i < sizeof line / sizeof line[0]; i++) {
        struct mf_buf text = {0};
        mf_err err = line[i] ? mf_buf_add(&text, line[i], strlen(line[i])) : MF_OK;
        if (!err && line[i])
            err = add_line(transfer, &text);
        mf_buf_close(&text);
        if (err)
            return err;
    }
    return MF_OK;
}

mf_err headers_put(struct transfer *transfer, const struct egress_request *request,
                   struct mf_why *why)
{
    struct field_reader reader;
    struct field field;
    bool type = false, agent = false, accept = false, user = false;
    mf_err err;
    field_reader_init(&reader, request->fields, request->field_bytes, true);
    while ((err = field_next(&reader, &field)) == MF_OK) {
        if (field.kind != MF_FIELD_HEADER || is(&field, "host") ||
            header_stays(NULL, field.name, field.name_bytes))
            continue;
        type |= is(&field, "content-type");
        agent |= is(&field, "user-agent");
        accept |= is(&field, "accept");
        user |= is(&field, "authorization");
        err = put_header(transfer, request, &field, why);
        if (err)
            return err;
    }
    if (err != MF_ENOENT)
        return mf_why(why, MF_EINVAL, "the headers break a rule of fields");
    if (transfer->url.user && !user && put_user(transfer, &transfer->url) != MF_OK)
        return mf_why(why, MF_ENOMEM, "no memory");
    return put_defaults(transfer, type, agent, accept);
}
