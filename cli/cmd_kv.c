/* cmd_kv.c: mayfly kv: key-values of functions, for a person to look at and change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verbs.h"

#define KEY_BYTES_MAX 256
#define PATH_BYTES_MAX (6 * KEY_BYTES_MAX + 256)
#define COUNT_DEFAULT 100
#define COUNT_MAX 1000

enum { KEY_LIFE = VERBS_OWN };

static const struct cli_option options[] = {
    {"tenant", VERBS_TENANT, "NAME", "whose (default: default)"},
    {"count", VERBS_COUNT, "N", "ls: so many at most (default: 100)"},
    {"after", VERBS_AFTER, "KEY", "ls: those after this key"},
    {"data", 'd', "DATA", "set: the value; @FILE reads it from a file, @- from standard input"},
    {"life", KEY_LIFE, "MS", "set: gone after so many milliseconds"},
    {"json", VERBS_JSON, NULL, "ls: print as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

struct kv_asked {
    struct asked asked;
    uint64_t life_ms;
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

static void path_of(const struct asked *asked, char path[PATH_BYTES_MAX])
{
    const struct kv_asked *own = (const struct kv_asked *)asked;
    (void)snprintf(path, PATH_BYTES_MAX, "/v1/kv/");
    if (strlen(asked->operand) > KEY_BYTES_MAX || !add_encoded(path, asked->operand))
        cli_usage(&cmd_kv, "a key has %d bytes at most", KEY_BYTES_MAX);
    size_t at = strlen(path);
    (void)snprintf(path + at, PATH_BYTES_MAX - at, "?tenant=%s&life_ms=%llu", asked->tenant,
                   (unsigned long long)own->life_ms);
}

/* The answer's body is the caller's to close. */
static int ask(struct client *client, const struct asked *asked, const char *method,
               struct answer *answer)
{
    char path[PATH_BYTES_MAX];
    path_of(asked, path);
    const struct request request = {.method = method,
                                    .path = path,
                                    .data = asked->has_data ? (asked->data.data ? (const char *)asked->data.data : "") : NULL,
                                    .bytes = asked->data.bytes,
                                    .content_type = "application/octet-stream"};
    int code = client_call(client, &request, answer);
    if (code != CLI_OK)
        return code;
    if (answer->status == 404)
        code = cli_fail(CLI_NOT_FOUND, "tenant '%s' has no such key; 'mayfly kv ls' lists them",
                        asked->tenant);
    else if (answer->status >= 400)
        code = client_refused(answer, "kv");
    if (code != CLI_OK)
        mf_buf_close(&answer->body);
    return code;
}

static int get(struct client *client, const struct asked *asked)
{
    struct answer answer;
    int code = ask(client, asked, "GET", &answer);
    if (code != CLI_OK)
        return code;
    if (answer.body.bytes)
        (void)fwrite(answer.body.data, 1, answer.body.bytes, stdout);
    mf_buf_close(&answer.body);
    return CLI_OK;
}

static int change(struct client *client, const struct asked *asked, const char *method)
{
    struct answer answer;
    int code = ask(client, asked, method, &answer);
    if (code == CLI_OK)
        mf_buf_close(&answer.body);
    return code;
}

static int set(struct client *client, const struct asked *asked)
{
    if (!asked->has_data)
        cli_usage(&cmd_kv, "set: to what? --data VALUE");
    return change(client, asked, "PUT");
}

static int forget(struct client *client, const struct asked *asked)
{
    return change(client, asked, "DELETE");
}

static int list(struct client *client, const struct asked *asked)
{
    char path[PATH_BYTES_MAX];
    json_t *answer = NULL;
    (void)snprintf(path, sizeof path, "/v1/kv?tenant=%s&count=%llu&prefix=", asked->tenant,
                   (unsigned long long)asked->count);
    bool fits = add_encoded(path, asked->operand ? asked->operand : "");
    if (fits && asked->after) {
        strcat(path, "&after=");
        fits = add_encoded(path, asked->after);
    }
    if (!fits)
        cli_usage(&cmd_kv, "a key has %d bytes at most", KEY_BYTES_MAX);
    const struct request request = {.method = "GET", .path = path};
    int code = client_json(client, &request, "kv", &answer);
    if (code != CLI_OK)
        return code;
    if (asked->json)
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

static const struct verb verb[] = {{"get", "which key?", get},
                                   {"set", "which key?", set},
                                   {"rm", "which key?", forget},
                                   {"ls", NULL, list},
                                   {0}};

static void option(struct asked *asked, int key)
{
    struct kv_asked *own = (struct kv_asked *)asked;
    if (key == VERBS_AFTER && strlen(asked->after) > KEY_BYTES_MAX)
        cli_usage(&cmd_kv, "--after: a key has %d bytes at most", KEY_BYTES_MAX);
    if (key == KEY_LIFE)
        own->life_ms = cli_number("--life", optarg, 1, UINT32_MAX);
}

static int run(int argc, char **argv)
{
    static const struct verbs verbs = {
        .command = &cmd_kv, .verb = verb, .count_max = COUNT_MAX, .option = option};
    struct kv_asked own = {.asked = {.count = COUNT_DEFAULT, .tenant = "default"}};
    return verbs_run(&verbs, &own.asked, argc, argv);
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
