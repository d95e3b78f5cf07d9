/* client.c: HTTP by libcurl, over the node's Unix socket or TCP. */
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/place.h"
#include "cli/command.h"
#include "image/settings.h"

#define CONNECT_TIMEOUT_S 5L
#define SOCKET_NAME "api.sock"
#define TOKEN_BYTES_MAX 4096

static int bad_address(const char *address)
{
    return cli_fail(CLI_USAGE, "node address '%s': write unix:PATH or http://HOST:PORT", address);
}

static int set_socket(struct client *client, const char *path)
{
    size_t bytes = strlen(path);
    if (bytes == 0 || bytes >= sizeof((struct sockaddr_un *)0)->sun_path)
        return cli_fail(CLI_USAGE, "socket path '%s': a path of 1 to %zu bytes belongs here; "
                        "a shorter MAYFLY_STATE helps", path,
                        sizeof((struct sockaddr_un *)0)->sun_path - 1);
    (void)snprintf(client->socket, sizeof client->socket, "%s", path);
    (void)snprintf(client->base, sizeof client->base, "http://localhost");
    (void)snprintf(client->name, sizeof client->name, "unix:%s", path);
    return CLI_OK;
}

static int set_address(struct client *client, const char *address)
{
    if (strncmp(address, "unix:", 5) == 0)
        return set_socket(client, address + 5);
    if (address[0] == '/')
        return set_socket(client, address);
    if (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0)
        return bad_address(address);
    size_t bytes = strlen(address);
    while (bytes && address[bytes - 1] == '/')
        bytes--;
    if (bytes >= sizeof client->base)
        return bad_address(address);
    (void)snprintf(client->base, sizeof client->base, "%.*s", (int)bytes, address);
    (void)snprintf(client->name, sizeof client->name, "%s", client->base);
    return CLI_OK;
}

static int set_default(struct client *client)
{
    char state[PATH_MAX], path[PATH_MAX + sizeof "/" SOCKET_NAME];
    struct mf_why why;
    mf_err err = mf_state_dir(state, sizeof state, &why);
    if (err)
        return cli_fail_why(&why, err);
    (void)snprintf(path, sizeof path, "%s/" SOCKET_NAME, state);
    return set_socket(client, path);
}

/* The token comes from the environment only: arguments are seen by every user of the machine. */
static int set_token(struct client *client)
{
    const char *token = getenv("MAYFLY_TOKEN");
    char line[TOKEN_BYTES_MAX];
    if (!token || !token[0])
        return CLI_OK;
    int bytes = snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    if (bytes < 0 || (size_t)bytes >= sizeof line || strpbrk(token, "\r\n"))
        return cli_fail(CLI_USAGE, "MAYFLY_TOKEN is no token: one line of less than %d bytes "
                        "belongs there", TOKEN_BYTES_MAX);
    client->headers = curl_slist_append(client->headers, line);
    return client->headers ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

int client_open(struct client *client, const char *address)
{
    *client = (struct client){0};
    if (!address)
        address = getenv("MAYFLY_NODE");
    int code = address && address[0] ? set_address(client, address) : set_default(client);
    if (code == CLI_OK)
        code = set_token(client);
    if (code != CLI_OK)
        return code;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0)
        client->curl = curl_easy_init();
    return client->curl ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

void client_close(struct client *client)
{
    curl_slist_free_all(client->headers);
    if (client->curl)
        curl_easy_cleanup(client->curl);
    *client = (struct client){0};
}

/* One transfer on its way. */
struct transfer {
    struct client *client;
    const struct request *request;
    struct answer *answer;
    struct cli_progress progress;
    bool too_big;
};

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    size_t bytes = size * count;
    if (!t->answer->status)
        curl_easy_getinfo(t->client->curl, CURLINFO_RESPONSE_CODE, &t->answer->status);
    if (t->request->piece && t->answer->status < 400)
        return t->request->piece(t->request->context, data, bytes) ? bytes : CURL_WRITEFUNC_ERROR;
    t->too_big = bytes > CLIENT_ANSWER_BYTES_MAX - t->answer->body.bytes;
    if (t->too_big || mf_buf_add(&t->answer->body, data, bytes))
        return CURL_WRITEFUNC_ERROR;
    return bytes;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct transfer *t = context;
    char sent[16];
    (void)down_total;
    (void)down;
    t->progress.total = up_total > 0 ? (uint64_t)up_total : 0;
    cli_progress_at(&t->progress, up > 0 ? (uint64_t)up : 0,
                    cli_bytes(up > 0 ? (uint64_t)up : 0, sent));
    return 0;
}

void client_trust(CURL *curl)
{
    const char *ca = getenv("MAYFLY_CA");
    if (ca && ca[0])
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
}

static void set_request(struct client *client, struct transfer *t, const char *url,
                        struct curl_slist *headers)
{
    CURL *curl = client->curl;
    const struct request *request = t->request;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* a key may be called .. */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* the node is near, never behind a proxy */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    client_trust(curl);
    if (client->socket[0])
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "mayfly/" MF_VERSION);
    if (request->data) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->bytes);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->data);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    if (request->label) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    }
}

/* What went wrong below HTTP, in words that help. */
static int explain(const struct client *client, CURLcode failed, const struct transfer *t)
{
    switch (failed) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return cli_fail(CLI_UNREACHABLE, "no node answers at %s; start one with './up' or "
                        "'mayfly node', or say where it is with --node", client->name);
    case CURLE_OPERATION_TIMEDOUT:
        return cli_fail(CLI_UNREACHABLE, "the node at %s does not answer in time", client->name);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return cli_fail(CLI_FAILED, "%s: " CLIENT_UNTRUSTED, client->name);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return cli_fail(CLI_UNREACHABLE, "the node at %s ended the connection: %s", client->name,
                        curl_easy_strerror(failed));
    case CURLE_WRITE_ERROR:
        if (t->too_big)
            return cli_fail(CLI_FAILED, "the node's answer is larger than %u MiB",
                            CLIENT_ANSWER_BYTES_MAX >> 20);
        return CLI_FAILED; /* the receiver has said why */
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return cli_fail(CLI_USAGE, "'%s' is no address of a node: write unix:PATH or "
                        "http://HOST:PORT", client->name);
    default:
        return cli_fail(CLI_FAILED, "%s: %s", client->name, curl_easy_strerror(failed));
    }
}

static struct curl_slist *request_headers(const struct client *client,
                                          const struct request *request)
{
    struct curl_slist *all = NULL, *longer;
    char type[256];
    (void)snprintf(type, sizeof type, "Content-Type: %s",
                   request->content_type ? request->content_type : "application/octet-stream");
    const char *own[] = {"Expect:", request->data ? type : NULL};
    for (size_t i = 0; i < 2 && own[i]; i++) {
        longer = curl_slist_append(all, own[i]);
        if (!longer)
            goto failed;
        all = longer;
    }
    for (const struct curl_slist *at = client->headers; at; at = at->next) {
        longer = curl_slist_append(all, at->data);
        if (!longer)
            goto failed;
        all = longer;
    }
    return all;
failed:
    curl_slist_free_all(all);
    return NULL;
}

int client_call(struct client *client, const struct request *request, struct answer *answer)
{
    char url[CLIENT_ADDRESS_MAX * 4];
    *answer = (struct answer){0};
    struct transfer t = {.client = client, .request = request, .answer = answer};
    int bytes = snprintf(url, sizeof url, "%s%s", client->base, request->path);
    if (bytes < 0 || (size_t)bytes >= sizeof url)
        return cli_fail(CLI_USAGE, "the address '%.60s…' is longer than %zu bytes", request->path,
                        sizeof url);
    struct curl_slist *headers = request_headers(client, request);
    if (!headers)
        return cli_fail(CLI_FAILED, "out of memory");
    if (request->label)
        cli_progress_open(&t.progress, request->label, request->bytes);
    set_request(client, &t, url, headers);
    CURLcode failed = curl_easy_perform(client->curl);
    cli_progress_close(&t.progress);
    curl_slist_free_all(headers);
    if (failed)
        return explain(client, failed, &t);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    return CLI_OK;
}

int client_refused(const struct answer *answer, const char *doing)
{
    const char *text = (const char *)answer->body.data;
    json_t *json = text ? json_loadb(text, answer->body.bytes, 0, NULL) : NULL;
    const char *error =
        json_string_value(json_object_get(json_object_get(json, "error"), "message"));
    enum cli_exit code = answer->status == 404 ? CLI_NOT_FOUND : CLI_FAILED;
    if (answer->status == 401 || answer->status == 403)
        (void)cli_fail(code, "%s: the node refuses this token; MAYFLY_TOKEN must hold the one "
                       "that the node was started with", doing);
    else if (error)
        (void)cli_fail(code, "%s: %s", doing, error);
    else
        (void)cli_fail(code, "%s: the node answers %ld", doing, answer->status);
    json_decref(json);
    return (int)code;
}

char *client_said(const struct answer *answer)
{
    json_t *json = answer->body.data ? json_loadb((const char *)answer->body.data, answer->body.bytes, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(json_object_get(json, "error"), "message"));
    char *said = text ? strdup(text) : NULL;
    json_decref(json);
    return said;
}

int client_json(struct client *client, const struct request *request, const char *doing,
                json_t **json)
{
    struct answer answer;
    int code = client_call(client, request, &answer);
    if (code == CLI_OK && answer.status >= 400)
        code = client_refused(&answer, doing);
    if (code == CLI_OK)
        code = client_answer(client, &answer, doing, json);
    mf_buf_close(&answer.body);
    return code;
}

int client_answer(const struct client *client, const struct answer *answer, const char *doing, json_t **json)
{
    json_error_t error;
    *json = json_loadb(answer->body.data ? (const char *)answer->body.data : "", answer->body.bytes, 0, &error);
    return *json ? CLI_OK
                 : cli_fail(CLI_FAILED, "%s: the node at %s does not speak this API: %s", doing, client->name,
                            error.text);
}

void client_check_name(const char *name)
{
    if (!settings_name_valid(name, strlen(name)))
        exit(cli_fail(CLI_USAGE, "'%s' cannot be a function's name: 1 to %d of a-z, 0-9 and -, "
                      "no - at either end", name, MF_NAME_BYTES_MAX));
}

int client_gateway(struct client *client, char address[static CLIENT_ADDRESS_MAX])
{
    json_t *node = NULL;
    const struct request request = {.method = "GET", .path = "/v1/node"};
    int code = client_json(client, &request, "node", &node);
    if (code != CLI_OK)
        return code;
    const char *gateway = json_string_value(json_object_get(node, "gateway"));
    if (!gateway || strlen(gateway) >= CLIENT_ADDRESS_MAX)
        code = cli_fail(CLI_FAILED, "the node at %s does not say where its gateway is",
                        client->name);
    else
        (void)snprintf(address, CLIENT_ADDRESS_MAX, "%s", gateway);
    json_decref(node);
    return code;
}
