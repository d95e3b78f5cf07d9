/* cmd_call.c: mayfly call: what has become of an asynchronous call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"

static const struct cli_option options[] = {
    {"json", CLI_LONG + 1, NULL, "print as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

/* curl's own escaping: everything that is not unreserved. */
static int path_of(struct client *client, const char *id, char *path, size_t room)
{
    char *escaped = curl_easy_escape(client->curl, id, (int)strlen(id));
    if (!escaped)
        return cli_fail(CLI_FAILED, "out of memory");
    int bytes = snprintf(path, room, "/v1/calls/%s", escaped);
    curl_free(escaped);
    return bytes > 0 && (size_t)bytes < room ? CLI_OK
                                             : cli_fail(CLI_USAGE, "no call id is as long");
}

static void print(const json_t *call)
{
    const char *last = json_string_value(json_object_get(call, "last"));
    const char *function = json_string_value(json_object_get(call, "function"));
    const char *state = json_string_value(json_object_get(call, "state"));
    printf("%s  %s  attempts %lld%s%s\n", state ? state : "-", function ? function : "-",
           (long long)json_integer_value(json_object_get(call, "attempts")), last ? "  " : "",
           last ? last : "");
}

static int show(struct client *client, const char *id, bool json)
{
    char path[512];
    struct answer answer = {0};
    json_error_t error;
    int code = path_of(client, id, path, sizeof path);
    const struct request request = {.method = "GET", .path = path};
    if (code == CLI_OK)
        code = client_call(client, &request, &answer);
    if (code != CLI_OK)
        return code;
    json_t *call = NULL;
    if (answer.status == 404) {
        (void)client_refused(&answer, id);
        code = CLI_NOT_FOUND;
    } else if (answer.status >= 400) {
        code = client_refused(&answer, id);
    } else if (!(call = json_loadb((const char *)answer.body.data, answer.body.bytes, 0, &error))) {
        code = cli_fail(CLI_FAILED, "%s: the node does not speak this API", id);
    }
    mf_buf_close(&answer.body);
    if (code != CLI_OK)
        return code;
    if (json)
        return cli_print_json(call);
    print(call);
    json_decref(call);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    const char *node = NULL;
    bool json = false;
    int key;
    while ((key = cli_getopt(&cmd_call, argc, argv)) != -1) {
        if (key == CLIENT_KEY_NODE)
            node = optarg;
        else
            json = true;
    }
    if (argc - optind != 1)
        cli_usage(&cmd_call, "one call's id belongs here");
    struct client client = {0};
    int code = client_open(&client, node);
    if (code == CLI_OK)
        code = show(&client, argv[optind], json);
    client_close(&client);
    return code;
}

const struct command cmd_call = {
    .name = "call",
    .arguments = "[--json] ID",
    .summary = "tell what has become of an asynchronous call",
    .details =
        "waiting, running, retrying, delivered, dead, dropped, purged or offloaded, with the attempts so far\n"
        "and how the last one ended. The store keeps the ends of the last 16384, also when the node is\n"
        "started anew (of power-loss queues, and as many of others; not of offloaded ones); calls that\n"
        "wait are looked for among the first 16384 entries of the queues.",
    .options = options,
    .run = run,
};
