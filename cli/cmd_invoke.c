/*
 * cmd_invoke.c: mayfly invoke: one request through the gateway, as any client would
 * make it. The body of the answer goes to standard output as it comes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/data.h"

#define URL_BYTES_MAX 16384

enum { KEY_PATH = CLI_LONG + 1, KEY_QUERY, KEY_GATEWAY, KEY_ASYNC };

static const struct cli_option options[] = {
    {"data", 'd', "DATA", "the body; @FILE reads it from a file, @- from standard input"},
    {"request", 'X', "METHOD", "HTTP method (default: POST with a body, else GET)"},
    {"header", 'H', "NAME: VALUE", "a request header; may be repeated"},
    {"path", KEY_PATH, "PATH", "what follows the function's name in the address"},
    {"query", KEY_QUERY, "QUERY", "what follows the question mark, already encoded"},
    {"async", KEY_ASYNC, NULL, "do not wait: the event is kept and delivered; prints its call's id"},
    {"include", 'i', NULL, "print status and headers before the body"},
    {"gateway", KEY_GATEWAY, "URL", "do not ask the node where its gateway is"},
    CLIENT_OPTION_NODE,
    {0},
};

struct invoke {
    const char *node, *gateway, *name, *method, *path, *query;
    struct curl_slist *headers;
    struct mf_buf data;
    bool has_data, include, async;
    bool open_line; /* the body printed so far does not end a line */
    long status;
    char call_id[MF_CALL_ID_BYTES_MAX + 1];
};

static int read_data(struct invoke *invoke, const char *text)
{
    invoke->has_data = true;
    return cli_read_data(text, &invoke->data);
}

static int add_header(struct invoke *invoke, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || strpbrk(text, "\r\n"))
        cli_usage(&cmd_invoke, "--header '%.40s': 'NAME: VALUE' belongs here", text);
    struct curl_slist *longer = NULL;
    bool empty = colon[1 + strspn(colon + 1, " \t")] == 0;
    if (empty) { /* libcurl's way to write an empty header */
        char *line = strdup(text);
        if (line)
            memcpy(line + (colon - text), ";", sizeof ";");
        longer = line ? curl_slist_append(invoke->headers, line) : NULL;
        free(line);
    } else {
        longer = curl_slist_append(invoke->headers, text);
    }
    if (!longer)
        return cli_fail(CLI_FAILED, "out of memory");
    invoke->headers = longer;
    return CLI_OK;
}

static int parse(struct invoke *invoke, int argc, char **argv)
{
    int key, code = CLI_OK;
    while (code == CLI_OK && (key = cli_getopt(&cmd_invoke, argc, argv)) != -1) {
        if (key == 'd')
            code = read_data(invoke, optarg);
        else if (key == KEY_ASYNC)
            invoke->async = true;
        else if (key == 'X')
            invoke->method = optarg;
        else if (key == 'H')
            code = add_header(invoke, optarg);
        else if (key == KEY_PATH)
            invoke->path = optarg;
        else if (key == KEY_QUERY)
            invoke->query = optarg;
        else if (key == 'i')
            invoke->include = true;
        else if (key == KEY_GATEWAY)
            invoke->gateway = optarg;
        else if (key == CLIENT_KEY_NODE)
            invoke->node = optarg;
    }
    if (code != CLI_OK)
        return code;
    if (argc - optind != 1)
        cli_usage(&cmd_invoke, "one function's name belongs here");
    invoke->name = argv[optind];
    client_check_name(invoke->name);
    return CLI_OK;
}

static int url_of(const struct invoke *invoke, const char *gateway, char url[static URL_BYTES_MAX])
{
    const char *path = invoke->path ? invoke->path : "";
    int bytes = snprintf(url, URL_BYTES_MAX, "%s/%s/%s%s%s%s%s", gateway,
                         invoke->async ? "async-function" : "function", invoke->name,
                         path[0] && path[0] != '/' ? "/" : "", path, invoke->query ? "?" : "",
                         invoke->query ? invoke->query : "");
    for (const char *at = url; bytes < URL_BYTES_MAX && *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '#')
            return cli_fail(CLI_USAGE, "a blank or '%c' in the address has to be written %%%02X",
                            *at, (unsigned char)*at);
    return bytes < URL_BYTES_MAX
               ? CLI_OK : cli_fail(CLI_USAGE, "the address is longer than %d bytes", URL_BYTES_MAX);
}

/* The answer to an asynchronous call has nothing else to say. */
static void note_call_id(struct invoke *invoke, const char *line, size_t bytes)
{
    static const char name[] = "x-call-id:";
    const size_t before = sizeof name - 1;
    if (bytes <= before || strncasecmp(line, name, before) != 0)
        return;
    while (bytes > before && (unsigned char)line[bytes - 1] <= ' ')
        bytes--;
    line += before;
    bytes -= before;
    while (bytes && *line == ' ') {
        line++;
        bytes--;
    }
    (void)snprintf(invoke->call_id, sizeof invoke->call_id, "%.*s", (int)bytes, line);
}

static size_t on_head(char *data, size_t size, size_t count, void *context)
{
    struct invoke *invoke = context;
    note_call_id(invoke, data, size * count);
    return invoke->include ? fwrite(data, size, count, stdout) : size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct invoke *invoke = context;
    size_t wrote = fwrite(data, size, count, stdout);
    if (wrote)
        invoke->open_line = data[wrote - 1] != '\n';
    return wrote;
}

static CURLcode perform(CURL *curl, struct invoke *invoke, const char *url)
{
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "mayfly/" MF_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, invoke->headers);
    client_trust(curl);
    if (invoke->has_data || invoke->async) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)invoke->data.bytes);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                         invoke->data.data ? (const char *)invoke->data.data : "");
    }
    if (invoke->method && strcmp(invoke->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (invoke->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, invoke->method);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, invoke);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, invoke);
    CURLcode failed = curl_easy_perform(curl);
    if (invoke->open_line && isatty(STDOUT_FILENO))
        putchar('\n'); /* for people only: the bytes of a pipe are the function's */
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &invoke->status);
    return failed;
}

/* The gateway's 404 and a function's own look alike; the node knows which it was. */
static bool is_deployed(struct client *client, const char *name)
{
    char path[128];
    struct answer answer;
    (void)snprintf(path, sizeof path, "/v1/functions/%s", name);
    const struct request request = {.method = "GET", .path = path};
    int code = client_call(client, &request, &answer);
    mf_buf_close(&answer.body);
    return code != CLI_OK || answer.status != 404;
}

static int judge(struct client *client, const struct invoke *invoke, CURLcode failed,
                 const char *url)
{
    if (failed == CURLE_COULDNT_CONNECT || failed == CURLE_COULDNT_RESOLVE_HOST)
        return cli_fail(CLI_UNREACHABLE, "no gateway answers at %s; start a node with './up' or "
                        "'mayfly node'", url);
    if (failed == CURLE_PEER_FAILED_VERIFICATION || failed == CURLE_SSL_CACERT_BADFILE)
        return cli_fail(CLI_FAILED, "%s: " CLIENT_UNTRUSTED, url);
    if (failed)
        return cli_fail(CLI_FAILED, "%s: %s", url, curl_easy_strerror(failed));
    if (invoke->status < 400)
        return CLI_OK;
    if (invoke->status == 404 && !invoke->gateway && !is_deployed(client, invoke->name))
        return cli_fail(CLI_NOT_FOUND, "no function '%s'; 'mayfly ls' lists them", invoke->name);
    return cli_fail(CLI_FUNCTION, "%s answered %ld%s%s%s", invoke->name, invoke->status,
                    invoke->status >= 500 ? "; 'mayfly logs " : "",
                    invoke->status >= 500 ? invoke->name : "",
                    invoke->status >= 500 ? "' may tell more" : "");
}

static int run(int argc, char **argv)
{
    struct invoke invoke = {0};
    struct client client = {0};
    char gateway[CLIENT_ADDRESS_MAX], url[URL_BYTES_MAX];
    int code = parse(&invoke, argc, argv);
    if (code == CLI_OK)
        code = client_open(&client, invoke.node);
    if (code == CLI_OK && !invoke.gateway)
        code = client_gateway(&client, gateway);
    if (code == CLI_OK)
        code = url_of(&invoke, invoke.gateway ? invoke.gateway : gateway, url);
    if (code == CLI_OK) {
        CURLcode failed = perform(client.curl, &invoke, url);
        if (invoke.async && !failed && invoke.status == 202 && !invoke.include)
            printf("%s\n", invoke.call_id);
        fflush(stdout);
        code = judge(&client, &invoke, failed, url);
    }
    curl_slist_free_all(invoke.headers);
    mf_buf_close(&invoke.data);
    client_close(&client);
    return code;
}

const struct command cmd_invoke = {
    .name = "invoke",
    .arguments = "[OPTION...] NAME",
    .summary = "call a function through the gateway",
    .details =
        "The exit code is 0 for a status below 400, 3 for a function that is not there and\n"
        "5 for any other status; the body is printed in each case. With --async it is 0 when the\n"
        "node has the event on its disk; 'mayfly call ID' tells what becomes of it.",
    .options = options,
    .run = run,
};
