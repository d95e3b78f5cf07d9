/*
 * kv.c: the routes of /v1/kv: key-values of a tenant, looked at and changed by a person. Changes
 * go the same way as those of functions (operations/change.h), and are seen by the same triggers.
 */
#include <stdio.h>
#include <string.h>

#include "image/settings.h"
#include "node/api/request.h"
#include "node/gateway/answer.h"
#include "node/operations/change.h"
#include "node/node.h"

#define PATH "/v1/kv/"
#define COUNT_DEFAULT 100
#define EXPIRES_HEADER "X-Expires-In-Ms"

/* What the path and the query say. */
struct asked {
    char tenant[MF_NAME_BYTES_MAX + 1];
    char key[MF_KEY_BYTES_MAX], prefix[MF_KEY_BYTES_MAX], after[MF_KEY_BYTES_MAX];
    size_t key_bytes, prefix_bytes, after_bytes;
};

static void answer_err(struct api_request *request, mf_err err)
{
    uint32_t status = err == MF_EDEAD || err == MF_EAGAIN ? 503
                      : err == MF_EFULL                   ? 507
                      : err == MF_ENOENT                  ? 404
                      : err == MF_EINVAL || err == MF_ETOOBIG ? 400
                                                              : 500;
    api_answer_error(request, status,
                     err == MF_EDEAD    ? "the store does not answer, or the node stops"
                     : err == MF_ENOENT ? "no such key"
                                        : mf_err_words(err));
}

/* False: answered. */
static bool read_request(struct api_request *request, struct asked *asked)
{
    size_t bytes = 0;
    const char *wrong = NULL;
    *asked = (struct asked){.tenant = MF_TENANT_DEFAULT};
    char tenant[MF_NAME_BYTES_MAX];
    if (!api_query_text(request, "tenant", tenant, sizeof tenant, &bytes) ||
        (bytes && !settings_name_valid(tenant, bytes)))
        wrong = "tenant: 1 to 63 of a-z, 0-9 and -";
    else if (bytes)
        (void)snprintf(asked->tenant, sizeof asked->tenant, "%.*s", (int)bytes, tenant);
    if (!wrong && settings_tenant_reserved(asked->tenant))
        wrong = "tenant: that one is the node's own";
    if (!wrong && (!api_query_text(request, "prefix", asked->prefix, sizeof asked->prefix,
                                   &asked->prefix_bytes) ||
                   !api_query_text(request, "after", asked->after, sizeof asked->after,
                                   &asked->after_bytes)))
        wrong = "prefix, after: at most 256 bytes, percent-encoded";
    if (!wrong && strlen(request->target) > sizeof PATH - 1 &&
        (!api_decode(request->target + sizeof PATH - 1, strlen(request->target) - (sizeof PATH - 1),
                     asked->key, sizeof asked->key, &asked->key_bytes) ||
         asked->key_bytes == 0))
        wrong = "a key has 1 to 256 bytes; percent-encode it, its slashes, too";
    if (wrong)
        api_answer_error(request, 400, wrong);
    return !wrong;
}

static struct store_ask ask_for(struct api_request *request, store_done done)
{
    return (struct store_ask){delivery_now_ms(&request->api->node->delivery), done, request};
}

/* Asked, or not: then it is answered. */
static void wait_for(struct api_request *request, mf_err err)
{
    if (err)
        answer_err(request, err);
    else
        api_wait(request);
}

/* ---- looking ---- */

/* So that it can stand in a path again, whatever bytes it has. */
static json_t *encoded(const struct store_bytes *key)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char text[3 * MF_KEY_BYTES_MAX + 1];
    size_t at = 0;
    for (size_t i = 0; i < key->bytes && at + 3 < sizeof text; i++) {
        char c = ((const char *)key->data)[i];
        if (c && strchr(plain, c))
            text[at++] = c;
        else
            at += (size_t)snprintf(text + at, 4, "%%%02X", (unsigned char)c);
    }
    text[at] = 0;
    return json_string(text);
}

static void listed(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    json_t *list = json_array();
    for (size_t i = 0; i < answer->count; i++) {
        const struct space_pair *pair = &answer->pairs[i];
        json_array_append_new(list, json_pack("{s:o, s:o}", "key",
                                              answer_words(pair->key.data, pair->key.bytes),
                                              "encoded", encoded(&pair->key)));
    }
    if (!answer->err)
        api_answer_json(request, 200, json_pack("{s:o, s:b}", "keys", list, "more",
                                                (int)answer->more));
    else
        json_decref(list);
    if (answer->err)
        answer_err(request, answer->err);
    api_wait_over(request);
}

void api_list_keys(struct api_request *request)
{
    const struct store_ask ask = ask_for(request, listed);
    unsigned count = api_query_number(request, "count", COUNT_DEFAULT, MF_SCAN_COUNT_MAX);
    struct asked asked;
    struct space *space;
    if (!read_request(request, &asked))
        return;
    mf_err err = key_space(request->api->node, asked.tenant, &space);
    if (!err) {
        err = space_scan(space, (struct store_bytes){asked.prefix, asked.prefix_bytes},
                         (struct store_bytes){asked.after, asked.after_bytes}, count ? count : 1,
                         SIZE_MAX, false, &ask);
        space_put(space);
    }
    wait_for(request, err);
}

static void got(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    uint64_t now_ms = delivery_now_ms(&request->api->node->delivery);
    char left[24];
    if (answer->err) {
        answer_err(request, answer->err);
    } else {
        struct MHD_Response *response = answer_text("application/octet-stream", answer->value.data,
                                                    answer->value.bytes);
        (void)snprintf(left, sizeof left, "%llu",
                       answer->expires_ms > now_ms ? (unsigned long long)(answer->expires_ms - now_ms)
                                                   : 0ull);
        if (response && answer->expires_ms != STORE_NEVER)
            (void)MHD_add_response_header(response, EXPIRES_HEADER, left);
        api_answer(request, 200, response);
    }
    api_wait_over(request);
}

void api_get_key(struct api_request *request)
{
    const struct store_ask ask = ask_for(request, got);
    struct asked asked;
    struct space *space;
    if (!read_request(request, &asked))
        return;
    mf_err err = key_space(request->api->node, asked.tenant, &space);
    if (!err) {
        err = space_read(space, (struct store_bytes){asked.key, asked.key_bytes}, SIZE_MAX, &ask);
        space_put(space);
    }
    wait_for(request, err);
}

/* ---- changing ---- */

static void changed(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    if (answer->err)
        answer_err(request, answer->err);
    else
        api_answer_json(request, 200, json_object());
    api_wait_over(request);
}

static void change(struct api_request *request, enum key_change_kind kind)
{
    const struct store_ask ask = ask_for(request, changed);
    struct asked asked;
    if (!read_request(request, &asked))
        return;
    const struct key_change change = {
        .kind = kind,
        .tenant = asked.tenant,
        .key = {asked.key, asked.key_bytes},
        .value = {request->body.data, request->body.bytes},
        .life_ms = api_query_number(request, "life_ms", 0, UINT32_MAX),
    };
    wait_for(request, key_change(request->api->node, &change, &ask));
}

void api_put_key(struct api_request *request)
{
    change(request, KEY_SET);
}

void api_delete_key(struct api_request *request)
{
    change(request, KEY_DELETE);
}
