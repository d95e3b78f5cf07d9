/* cmd_rollback.c: mayfly rollback: a workflow or a function back to a version that the node has kept. */
#include <stdio.h>
#include <string.h>

#include "cli/changes.h"
#include "cli/client.h"
#include "cli/command.h"

enum { KEY_TO = CLI_LONG + 1, KEY_DRY_RUN, KEY_JSON };

static const struct cli_option options[] = {
    {"to", KEY_TO, "N", "the version of a workflow; default: the one before"},
    {"dry-run", KEY_DRY_RUN, NULL, "say what would change, and change nothing"},
    {"json", KEY_JSON, NULL, "print the changes as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

struct rollback {
    const char *name;
    uint64_t to; /* 0: the one before */
    bool json, dry_run;
};

static int back(struct client *client, const struct rollback *rollback, const char *kind, json_t **answer)
{
    char path[256], body[64] = "{}";
    (void)snprintf(path, sizeof path, "/v1/%s/%s/rollback%s", kind, rollback->name,
                   rollback->dry_run ? "?dry_run=1" : "");
    if (rollback->to)
        (void)snprintf(body, sizeof body, "{\"to\":%llu}", (unsigned long long)rollback->to);
    const struct request request = {.method = "POST",
                                    .path = path,
                                    .data = body,
                                    .bytes = strlen(body),
                                    .content_type = "application/json"};
    return answer ? client_json(client, &request, rollback->name, answer)
                  : changes_ask(client, &request, rollback->name, rollback->json);
}

/* Deployed without a mayfly.yml. */
static int back_function(struct client *client, const struct rollback *rollback)
{
    json_t *answer = NULL;
    if (rollback->to)
        return cli_fail(CLI_USAGE, "%s is a function by itself, of which the version before is kept, without a "
                        "number; leave --to out", rollback->name);
    int code = back(client, rollback, "functions", &answer);
    if (code != CLI_OK)
        return code;
    if (rollback->json)
        return cli_print_json(answer);
    const char *image = json_string_value(json_object_get(answer, "image"));
    printf("%s %s image %.12s\n", rollback->name, rollback->dry_run ? "would be back at" : "is back at",
           image ? image : "-");
    json_decref(answer);
    return CLI_OK;
}

static int is_function(struct client *client, const char *name, bool *is)
{
    char path[256];
    struct answer workflow, function;
    const struct request request = {.method = "GET", .path = path};
    (void)snprintf(path, sizeof path, "/v1/workflows/%s", name);
    int code = client_call(client, &request, &workflow);
    if (code != CLI_OK)
        return code;
    mf_buf_close(&workflow.body);
    (void)snprintf(path, sizeof path, "/v1/functions/%s", name);
    code = client_call(client, &request, &function);
    if (code != CLI_OK)
        return code;
    mf_buf_close(&function.body);
    *is = workflow.status == 404 && function.status == 200;
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    const char *node = NULL;
    struct rollback rollback = {0};
    bool function = false;
    int key;
    while ((key = cli_getopt(&cmd_rollback, argc, argv)) != -1) {
        if (key == KEY_TO)
            rollback.to = cli_number("--to", optarg, 1, INT32_MAX);
        rollback.json |= key == KEY_JSON;
        rollback.dry_run |= key == KEY_DRY_RUN;
        if (key == CLIENT_KEY_NODE)
            node = optarg;
    }
    if (argc - optind != 1)
        cli_usage(&cmd_rollback, "one workflow or function belongs here");
    client_check_name(rollback.name = argv[optind]);
    struct client client;
    int code = client_open(&client, node);
    if (code == CLI_OK)
        code = is_function(&client, rollback.name, &function);
    if (code == CLI_OK)
        code = function ? back_function(&client, &rollback) : back(&client, &rollback, "workflows", NULL);
    client_close(&client);
    return code;
}

const struct command cmd_rollback = {
    .name = "rollback",
    .arguments = "WORKFLOW|FUNCTION [--to N] [--dry-run] [--json]",
    .summary = "take a workflow, or a function, back to an earlier version",
    .details =
        "As a new version with the functions of that one, so a second rollback undoes the\n"
        "first. Events that wait are the new version's, those under way end on the version\n"
        "they began with. 'mayfly workflows NAME' lists the versions that are kept. Of a\n"
        "function that belongs to no workflow the version before is kept: its image and\n"
        "settings.",
    .options = options,
    .run = run,
};
