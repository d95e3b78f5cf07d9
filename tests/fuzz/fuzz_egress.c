/*
 * fuzz_egress.c: what requests to the outside are decided by. The bytes are lines: entries of
 * an allow-list, the last one a URL, which is also a header's value with secrets. A URL that is
 * one must be written so that it is read again as the same; what is allowed must be by an
 * entry that names its host, or by no loopback address; nothing is spliced that was not asked for.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "node/egress/allowed.h"
#include "node/egress/secret.h"

#define LINES_MAX 16

static enum address_kind kind_of(const struct host *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (host->kind == HOST_IPV4) {
        mf_assert(inet_pton(AF_INET, host->text, &v4.sin_addr) == 1);
        return address_kind((struct sockaddr *)&v4, sizeof v4);
    }
    mf_assert(inet_pton(AF_INET6, host->text, &v6.sin6_addr) == 1);
    return address_kind((struct sockaddr *)&v6, sizeof v6);
}

static void decide(const char *text, const char *const *entries, size_t count)
{
    struct url url, again;
    struct mf_buf written = {0};
    struct mf_why why = {{0}};
    mf_err err = url_parse(text, strlen(text), &url, &why);
    if (err) {
        mf_assert(why.text[0]);
        return;
    }
    mf_assert(url.port && url.host.text[0]);
    mf_assert(url_write(&url, &written) == MF_OK);
    if (written.bytes <= MF_URL_BYTES_MAX) {
        mf_assert(url_parse((const char *)written.data, written.bytes, &again, NULL) == MF_OK);
        mf_assert(again.https == url.https && again.port == url.port && !again.user &&
                  again.host.kind == url.host.kind && strcmp(again.host.text, url.host.text) == 0);
    }
    mf_buf_close(&written);
    const struct egress_rule rules[] = {
        {REACH_LISTED, entries, count}, {REACH_ANY, NULL, 0}, {REACH_PUBLIC, entries, count}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        enum permission permission = egress_permits(&rules[i], &url);
        mf_assert(permission != PERMISSION_LISTED || rules[i].count > 0);
        mf_assert(permission != PERMISSION_REACH || rules[i].reach != REACH_LISTED);
        if (permission == PERMISSION_REACH && url.host.kind != HOST_NAME)
            mf_assert(kind_of(&url.host) == ADDRESS_PUBLIC ||
                      (rules[i].reach == REACH_ANY && kind_of(&url.host) == ADDRESS_PRIVATE));
        for (int kind = ADDRESS_PUBLIC; kind <= ADDRESS_NEVER; kind++)
            if (egress_permits_address(&rules[i], permission, &url, (enum address_kind)kind))
                mf_assert(kind == ADDRESS_PUBLIC || kind == ADDRESS_PRIVATE ||
                          (kind != ADDRESS_NEVER && permission == PERMISSION_LISTED &&
                           (url.host.kind != HOST_NAME || host_is_localhost(&url.host))));
    }
}

static mf_err source(void *context, const char *name, size_t bytes, struct mf_buf *out,
                     struct mf_why *why)
{
    (void)context;
    (void)why;
    mf_assert(secret_name_valid(name, bytes));
    return mf_buf_add(out, name, bytes); /* as long as its name: all that is written was there */
}

static void splice(const char *text)
{
    struct mf_buf out = {0};
    struct mf_why why = {{0}};
    size_t spliced = 0, bytes = strlen(text);
    mf_err err = secret_splice(text, bytes, source, NULL, &out, &spliced, &why);
    if (err) {
        mf_assert(why.text[0] && !out.data);
        return;
    }
    mf_assert(out.bytes + spliced * strlen("${secret:}") == bytes);
    mf_assert(spliced > 0 || bytes == 0 || memcmp(out.data, text, bytes) == 0);
    secret_wipe(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *line[LINES_MAX];
    size_t lines = 0;
    char *text = malloc(bytes + 1);
    mf_assert(text != NULL);
    if (bytes)
        memcpy(text, data, bytes);
    text[bytes] = 0;
    for (char *at = text; at && lines < LINES_MAX;) {
        line[lines++] = at;
        at = strchr(at, '\n');
        if (at)
            *at++ = 0;
    }
    for (size_t i = 0; i + 1 < lines; i++) {
        struct mf_why why = {{0}};
        if (allowed_entry_check(line[i], &why) != MF_OK)
            mf_assert(why.text[0]);
    }
    decide(line[lines - 1], line, lines - 1);
    splice(line[lines - 1]);
    free(text);
    return 0;
}
