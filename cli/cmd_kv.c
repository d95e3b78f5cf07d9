/* cmd_kv.c: mayfly kv: key-values of functions, for a person to look at and change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/data.h"

#define KEY_BYTES_MAX 256
#define PATH_BYTES_MAX (6 * KEY_BYTES_MAX + 256)
#define COUNT_DEFAULT 100
#define COUNT_MAX 1000

enum { KEY_JSON = CLI_LONG + 1, KEY_TENANT, KEY_COUNT, KEY_AFTER, KEY_LIFE };

static const struct cli_option options[] = {
    {"tenant", KEY_TENANT, "NAME", "whose (default: default)"},
    {"count", KEY_COUNT, "N", "ls: so many at most (default: 100)"},
    {"after", KEY_AFTER, "KEY", "ls: those after this key"},
    {"data", 'd', "DATA", "set: the value; @FILE reads it from a file, @- from standard input"},
    {"life", KEY_LIFE, "MS", "set: gone after so many milliseconds"},
    {"json", KEY_JSON, NULL, "ls: print as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

struct kv_command {
    const char *node, *key, *tenant, *after;
    struct mf_buf data;
    uint64_t count, life_ms;
    bool json, has_data;
};

/* Percent-encoded, to the end of a path. False: no room. */
static bool add_encoded(char *path, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t at = strlen(path);
    for (; *text; text++) {
        if (PATH_BYTES_MAX - at < 4)
            return false;
        if (strchr(plain, *text))
            path[at++] = *text;
        else
            at += (size_t)snprintf(path + at, 4, "%%%02X", (unsigned char)*text);
        path[at] = 0;
    }
    return true;
}

static void path_of(const struct kv_command *command, char path[PATH_BYTES_MAX])
{
    (void)snprintf(path, PATH_BYTES_MAX, "/v1/kv/");
    if (strlen(command->key) > KEY_BYTES_MAX || !add_encoded(path, command->key))
        cli_usage(&cmd_kv, "a key has %d bytes at most", KEY_BYTES_MAX);
    size_t at = strlen(path);
    (void)snprintf(path + at, PATH_BYTES_MAX - at, "?tenant=%s&life_ms=%llu", command->tenant,
                   (unsigned long long)command->life_ms);
}

/* The answer's body is the caller's to close. */
static int ask(struct client *client, const struct kv_command *command, const char *method,
               struct answer *answer)
{
    char path[PATH_BYTES_MAX];
    path_of(command, path);
    const struct request request = {.method = method,
                                    .path = path,
                                    .data = command->has_data ? (command->data.data ? (const char *)command->data.data : "") : NULL,
                                    .bytes = command->data.bytes,
                                    .content_type = "application/octet-stream"};
    int code = client_call(client, &request, answer);
    if (code != CLI_OK)
        return code;
    if (answer->status == 404)
        code = cli_fail(CLI_NOT_FOUND, "tenant '%s' has no such key; 'mayfly kv ls' lists them",
                        command->tenant);
    else if (answer->status >= 400)
        code = client_refused(answer, "kv");
    if (code != CLI_OK)
        mf_buf_close(&answer->body);
    return code;
}

static int get(struct client *client, const struct kv_command *command)
{
    struct answer answer;
    int code = ask(client, command, "GET", &answer);
    if (code != CLI_OK)
        return code;
    if (answer.body.bytes)
        (void)fwrite(answer.body.data, 1, answer.body.bytes, stdout);
    mf_buf_close(&answer.body);
    return CLI_OK;
}

static int change(struct client *client, const struct kv_command *command, const char *method)
{
    struct answer answer;
    int code = ask(client, command, method, &answer);
    if (code == CLI_OK)
        mf_buf_close(&answer.body);
    return code;
}

static int set(struct client *client, const struct kv_command *command)
{
    if (!command->has_data)
        cli_usage(&cmd_kv, "set: to what? --data VALUE");
    return change(client, command, "PUT");
}

static int forget(struct client *client, const struct kv_command *command)
{
    return change(client, command, "DELETE");
}

static int list(struct client *client, const struct kv_command *command)
{
    char path[PATH_BYTES_MAX];
    json_t *answer = NULL;
    (void)snprintf(path, sizeof path, "/v1/kv?tenant=%s&count=%llu&prefix=", command->tenant,
                   (unsigned long long)command->count);
    bool fits = add_encoded(path, command->key ? command->key : "");
    if (fits && command->after) {
        strcat(path, "&after=");
        fits = add_encoded(path, command->after);
    }
    if (!fits)
        cli_usage(&cmd_kv, "a key has %d bytes at most", KEY_BYTES_MAX);
    const struct request request = {.method = "GET", .path = path};
    int code = client_json(client, &request, "kv", &answer);
    if (code != CLI_OK)
        return code;
    if (command->json)
        return cli_print_json(answer);
    size_t i;
    const json_t *key, *keys = json_object_get(answer, "keys");
    json_array_foreach(keys, i, key)
        printf("%s\n", json_string_value(json_object_get(key, "key")));
    if (json_is_true(json_object_get(answer, "more")))
        cli_note("there are more: --after the last one");
    json_decref(answer);
    return CLI_OK;
}

enum { GET, SET, RM, LS };

static const struct cli_verb verbs[] = {[GET] = {"get", "which key?"},
                                        [SET] = {"set", "which key?"},
                                        [RM] = {"rm", "which key?"},
                                        [LS] = {"ls", NULL},
                                        {0}};
static int (*const runs[])(struct client *client, const struct kv_command *command) = {
    [GET] = get, [SET] = set, [RM] = forget, [LS] = list};

static int parse(struct kv_command *command, int argc, char **argv)
{
    int key, code = CLI_OK;
    while (code == CLI_OK && (key = cli_getopt(&cmd_kv, argc, argv)) != -1) {
        if (key == CLIENT_KEY_NODE)
            command->node = optarg;
        else if (key == KEY_JSON)
            command->json = true;
        else if (key == KEY_TENANT)
            client_check_name(command->tenant = optarg);
        else if (key == KEY_COUNT)
            command->count = cli_number("--count", optarg, 1, COUNT_MAX);
        else if (key == KEY_LIFE)
            command->life_ms = cli_number("--life", optarg, 1, UINT32_MAX);
        else if (key == KEY_AFTER && strlen(command->after = optarg) > KEY_BYTES_MAX)
            cli_usage(&cmd_kv, "--after: a key has %d bytes at most", KEY_BYTES_MAX);
        else if (key == 'd' && (command->has_data = true))
            code = cli_read_data(optarg, &command->data);
    }
    return code;
}

static int run(int argc, char **argv)
{
    struct kv_command command = {.count = COUNT_DEFAULT, .tenant = "default"};
    struct client client = {0};
    size_t verb = 0;
    int code = parse(&command, argc, argv);
    if (code == CLI_OK)
        verb = cli_verb_find(&cmd_kv, verbs, argc, argv, &command.key);
    if (code == CLI_OK)
        code = client_open(&client, command.node);
    if (code == CLI_OK)
        code = runs[verb](&client, &command);
    mf_buf_close(&command.data);
    client_close(&client);
    return code;
}

const struct command cmd_kv = {
    .name = "kv",
    .arguments = "get KEY | set KEY --data VALUE | rm KEY | ls [PREFIX]",
    .summary = "look at and change the key-values of functions",
    .details =
        "Key-values outlive instances, and are shared by all functions of a tenant. get prints a\n"
        "value as it is; ls prints the keys that begin with PREFIX. What is set or removed here\n"
        "is seen by functions with a trigger on the key, as if a function had done it.",
    .options = options,
    .run = run,
};
