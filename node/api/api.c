/*
 * api.c: the management API's connections: who may, which route, the body, the jobs.
 * Guarantees: without the token nothing but /healthz answers on TCP; no file is synced
 * and no image hashed in the loop's thread; changes happen one after another.
 * Leaves to others: what the routes do (node.c, functions.c, images.c, follow.c).
 * Owns every struct api_request until both connection and job are done with it.
 */
#include "node/api/api.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "node/api/request.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/gateway/listen.h"
#include "node/gateway/request.h"
#include "node/node.h"
#include "node/workflows/change.h"

static const struct api_route routes[] = {
    {"GET", "/healthz", true, false, api_get_healthz},
    {"GET", "/metrics", false, false, api_get_metrics},
    {"GET", "/v1/node", false, false, api_get_node},
    {"POST", "/v1/images", false, true, api_post_image},
    {"GET", "/v1/images/{id}", false, false, api_get_image},
    {"GET", "/v1/functions", false, false, api_list_functions},
    {"GET", "/v1/functions/{name}", false, false, api_get_function},
    {"PUT", "/v1/functions/{name}", false, false, api_put_function},
    {"DELETE", "/v1/functions/{name}", false, false, api_delete_function},
    {"GET", "/v1/functions/{name}/logs", false, false, api_get_logs},
    {"POST", "/v1/functions/{name}/start", false, false, api_start_function},
    {"POST", "/v1/functions/{name}/stop", false, false, api_stop_function},
    {"POST", "/v1/functions/{name}/rollback", false, false, api_roll_back_function},
    {"GET", "/v1/workflows", false, false, api_list_workflows},
    {"GET", "/v1/workflows/{name}", false, false, api_get_workflow},
    {"PUT", "/v1/workflows/{name}", false, false, api_put_workflow},
    {"DELETE", "/v1/workflows/{name}", false, false, api_delete_workflow},
    {"POST", "/v1/workflows/{name}/rollback", false, false, api_roll_back_workflow},
    {"GET", "/v1/usage", false, false, api_get_usage},
    {"GET", "/v1/queues", false, false, api_list_queues},
    {"GET", "/v1/queues/{name}", false, false, api_get_queue},
    {"GET", "/v1/queues/{name}/entries", false, false, api_peek_queue},
    {"POST", "/v1/queues/{name}/entries", false, false, api_push_queue},
    {"DELETE", "/v1/queues/{name}/entries", false, false, api_purge_queue},
    {"POST", "/v1/queues/{name}/redrive", false, false, api_redrive_queue},
    {"GET", "/v1/calls/{id}", false, false, api_get_call},
    {"GET", "/v1/kv", false, false, api_list_keys},
    {"GET", "/v1/kv/{key}", false, false, api_get_key},
    {"PUT", "/v1/kv/{key}", false, false, api_put_key},
    {"DELETE", "/v1/kv/{key}", false, false, api_delete_key},
    {"POST", "/v1/publish", false, false, api_post_publish},
};
#define ROUTES (sizeof routes / sizeof routes[0])

static void begin(struct client *client, const char *target);
static enum MHD_Result handle(struct client *client, bool first, const char *method,
                              const char *data, size_t *bytes);
static void gone(struct client *client);
static void end(struct client *client);
static const struct http_handlers handlers = {
    .begin = begin, .request = handle, .gone = gone, .end = end};

static mf_err read_token(struct api *api, struct mf_why *why);
static void read_head(struct api_request *request, const char *method);
static bool authorised(const struct api_request *request);
static void refuse(struct api_request *request, uint32_t status, const char *message);
static enum MHD_Result take_body(struct api_request *request, const char *data, size_t bytes);
static void request_free(struct api_request *request);

mf_err api_open(struct api *api, struct node *node, struct mf_why *why)
{
    char path[PATH_MAX + 16];
    int fd;
    api->node = node;
    (void)snprintf(path, sizeof path, "%s/api.sock", api->state.path);
    mf_err err = listen_unix(path, &fd, why);
    if (!err)
        err = http_server_open(&api->local, &node->loop, fd, HTTP_PLAIN, MF_API_CONNECTIONS_MAX, &handlers,
                               api, why);
    if (err || !node->options->api_listen.host[0])
        return err;
    err = read_token(api, why);
    if (!err)
        err = listen_tcp(&node->options->api_listen, &fd, &api->port, why);
    if (!err)
        err = http_server_open(&api->remote, &node->loop, fd,
                               node->options->tls_cert[0] ? HTTP_TLS : HTTP_PLAIN,
                               MF_API_CONNECTIONS_MAX, &handlers, api, why);
    return err;
}

static void end_followers(struct function *function, void *context)
{
    (void)context;
    function_log_tell(function->log);
}

void api_quiet(struct api *api)
{
    http_server_quiet(&api->local);
    http_server_quiet(&api->remote);
    registry_each(&api->node->registry, end_followers, NULL);
}

void api_close(struct api *api)
{
    if (api->local.daemon)
        (void)unlinkat(api->state.dir_fd, "api.sock", 0);
    http_server_close(&api->local);
    http_server_close(&api->remote);
}

/* The token's hash, so that what is compared has one length. */
static mf_err read_token(struct api *api, struct mf_why *why)
{
    const char *path = api->node->options->api_token_file;
    struct mf_buf text = {0};
    mf_err err = state_read_secret(path, MF_TOKEN_BYTES_MAX, &text, why);
    while (!err && text.bytes && strchr("\r\n", text.data[text.bytes - 1]))
        text.bytes--;
    if (!err && text.bytes < MF_TOKEN_BYTES_MIN)
        err = mf_why(why, MF_EINVAL, "%s: a token needs at least %d bytes", path,
                     MF_TOKEN_BYTES_MIN);
    if (!err)
        (void)crypto_generichash(api->token_hash, sizeof api->token_hash, text.data, text.bytes,
                                 NULL, 0);
    if (text.data)
        sodium_memzero(text.data, text.room);
    mf_buf_close(&text);
    return err;
}

static void begin(struct client *client, const char *target)
{
    struct api_request *request = calloc(1, sizeof *request);
    if (!request)
        return;
    request->api = client->server->owner;
    request->client = client;
    request->remote = client->server == &request->api->remote;
    request->upload.fd = -1;
    request->work.data = request;
    request->target = strdup(target);
    if (!request->target) {
        free(request);
        return;
    }
    char *question = strchr(request->target, '?');
    request->query = question ? question + 1 : "";
    if (question)
        *question = 0;
    client->request = request;
}

static enum MHD_Result handle(struct client *client, bool first, const char *method,
                              const char *data, size_t *bytes)
{
    struct api_request *request = client->request;
    if (request->answered)
        return MHD_NO;
    if (first) {
        read_head(request, method);
        return MHD_YES;
    }
    if (*bytes) {
        size_t count = *bytes;
        *bytes = 0;
        return take_body(request, data, count);
    }
    if (request->refusal)
        api_answer_error(request, request->refusal, request->why.text);
    else if (api_query_check(request, &request->why))
        api_answer_error(request, 400, request->why.text);
    else
        request->route->handle(request);
    if (!request->answered)
        client_suspend(client);
    return MHD_YES;
}

static void gone(struct client *client)
{
    struct api_request *request = client->request;
    request->ended = true;
    request->answered = true; /* a job that runs is finished, its result heard by nobody */
    client_drop(client);
}

static void end(struct client *client)
{
    struct api_request *request = client->request;
    request->client = NULL;
    if (!request->in_job)
        request_free(request);
}

static void request_free(struct api_request *request)
{
    free(request->queue);
    free(request->publish);
    upload_close(&request->upload);
    deployment_close(&request->deployment);
    change_destroy(request->change);
    mf_buf_close(&request->body);
    free(request->target);
    free(request);
}

static bool decode_id(const char *text, size_t bytes, char *id)
{
    size_t count;
    if (!api_decode(text, bytes, id, MF_CALL_ID_BYTES_MAX, &count))
        return false;
    id[count] = 0;
    return call_id_valid(id, count);
}

/* {name} and {id} match one segment, which goes to name; {key} one that kv.c reads. */
static bool matches(const char *pattern, const char *path, char *name)
{
    const char *open = strchr(pattern, '{');
    name[0] = 0;
    if (!open)
        return strcmp(pattern, path) == 0;
    size_t before = (size_t)(open - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    const char *after = strchr(open, '}') + 1;
    size_t bytes = strcspn(path + before, "/");
    if (bytes == 0 || strcmp(path + before + bytes, after) != 0)
        return false;
    if (open[1] == 'i')
        return decode_id(path + before, bytes, name);
    if (open[1] == 'k')
        return true;
    if (bytes > MF_NAME_BYTES_MAX)
        return false;
    memcpy(name, path + before, bytes);
    name[bytes] = 0;
    return true;
}

static void read_head(struct api_request *request, const char *method)
{
    bool path_known = false;
    for (size_t i = 0; i < ROUTES && !request->route; i++) {
        if (!matches(routes[i].path, request->target, request->name))
            continue;
        path_known = true;
        if (strcmp(routes[i].method, method) == 0 ||
            (strcmp(method, "HEAD") == 0 && strcmp(routes[i].method, "GET") == 0))
            request->route = &routes[i];
    }
    if (request->remote && !(request->route && request->route->open) && !authorised(request))
        refuse(request, 401, "a token is needed: Authorization: Bearer TOKEN");
    else if (!path_known)
        refuse(request, 404, "no such path; docs/openapi.yml lists them");
    else if (!request->route)
        refuse(request, 405, "not a method of this path");
    else if (request->route->upload &&
             upload_open(&request->api->state, ++request->api->last_upload, &request->upload,
                         &request->why))
        refuse(request, 500, request->why.text);
    client_expect_body(request->client);
    if (request->refusal &&
        MHD_lookup_connection_value(request->client->connection, MHD_HEADER_KIND, "Expect"))
        api_answer_error(request, request->refusal, request->why.text);
}

static bool authorised(const struct api_request *request)
{
    static const char scheme[] = "Bearer ";
    uint8_t hash[sizeof request->api->token_hash];
    const char *given =
        MHD_lookup_connection_value(request->client->connection, MHD_HEADER_KIND, "Authorization");
    if (!given || strncasecmp(given, scheme, sizeof scheme - 1) != 0)
        return false;
    given += sizeof scheme - 1;
    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)given, strlen(given), NULL, 0);
    return sodium_memcmp(hash, request->api->token_hash, sizeof hash) == 0;
}

static void refuse(struct api_request *request, uint32_t status, const char *message)
{
    if (message != request->why.text)
        (void)mf_why(&request->why, MF_EINVAL, "%s", message);
    request->refusal = status;
}

static enum MHD_Result take_body(struct api_request *request, const char *data, size_t bytes)
{
    mf_err err = MF_OK;
    if (!request->refusal && request->upload.fd >= 0) {
        err = upload_add(&request->upload, data, bytes, &request->why);
        if (err)
            refuse(request, err == MF_ETOOBIG ? 413 : err == MF_EFULL ? 507 : 500,
                   request->why.text);
    } else if (!request->refusal) {
        if (request->body.bytes + bytes > MF_API_JSON_BYTES_MAX)
            refuse(request, 413, "the body is larger than such a request can be");
        else if (mf_buf_add(&request->body, data, bytes))
            refuse(request, 500, "no memory for the body");
    }
    if (request->refusal)
        request->discarded += bytes;
    return request->discarded > MF_DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
}

void api_answer(struct api_request *request, uint32_t status, struct MHD_Response *response)
{
    if (request->answered || !request->client) {
        if (response)
            MHD_destroy_response(response);
        return;
    }
    request->answered = true;
    if (!response) {
        client_drop(request->client);
        return;
    }
    client_answer(request->client, status, response);
    MHD_destroy_response(response);
}

void api_answer_json(struct api_request *request, uint32_t status, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    api_answer(request, status,
               text ? answer_text("application/json", text, strlen(text)) : NULL);
    free(text);
}

void api_answer_error(struct api_request *request, uint32_t status, const char *message)
{
    static const struct {
        uint32_t status;
        const char *code;
    } code[] = {{400, "bad-request"}, {401, "unauthorized"}, {404, "not-found"},
                {405, "method-not-allowed"}, {409, "conflict"}, {413, "too-big"}, {429, "queue-full"},
                {503, "busy"}, {507, "full"}};
    const char *name = "internal";
    if (status == 507)
        fresh_drop(request->api);
    for (size_t i = 0; i < sizeof code / sizeof code[0]; i++)
        if (code[i].status == status)
            name = code[i].code;
    json_t *body = json_pack("{s:{s:s, s:o}}", "error", "code", name, "message",
                             answer_words(message, strlen(message)));
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    struct MHD_Response *response =
        text ? answer_text("application/json", text, strlen(text)) : NULL;
    free(text);
    if (response && status == 401)
        (void)MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"mayfly\"");
    api_answer(request, status, response);
}

void api_answer_err(struct api_request *request, mf_err err, const struct mf_why *why)
{
    uint32_t status = 500;
    if (err == MF_EINVAL || err == MF_EFORMAT || err == MF_EUNSUPPORTED || err == MF_ENOENT ||
        err == MF_ETOOBIG)
        status = 400;
    if (err == MF_EFULL)
        status = 507;
    if (err == MF_EEXIST)
        status = 409;
    if (err == MF_EAGAIN)
        status = 503;
    if (status >= 500)
        mf_log(MF_LOG_ERROR, "api.failed", "path=%s why=\"%s\"", request->target,
               mf_why_text(why, err));
    api_answer_error(request, status, mf_why_text(why, err));
}

static void run_job(uv_work_t *work)
{
    struct api_request *request = work->data;
    request->job(request);
}

static void job_over(struct api_request *request)
{
    request->in_job = false;
    request->api->jobs--;
    request->api->newcomers -= request->newcomer; /* here by now, or never */
    request->newcomer = false;
}

static void after_job(uv_work_t *work, int status)
{
    struct api_request *request = work->data;
    job_over(request);
    if (status == 0)
        request->after(request);
    if (!request->client && !request->in_job) /* after() may have begun another one */
        request_free(request);
}

void api_start_job(struct api_request *request)
{
    request->in_job = true;
    request->api->jobs++;
    if (uv_queue_work(&request->api->node->loop.uv, &request->work, run_job, after_job) == 0)
        return;
    job_over(request);
    api_answer_error(request, 503, "no thread could be started; try again");
}

void api_wait(struct api_request *request)
{
    request->in_job = true;
    request->api->jobs++;
}

void api_wait_over(struct api_request *request)
{
    job_over(request);
    if (!request->client)
        request_free(request);
}
