/* cmd_rm.c: mayfly rm. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"

static const struct cli_option options[] = {
    CLIENT_OPTION_NODE,
    {"quiet", 'q', NULL, "say nothing of what was removed"},
    {"workflow", CLI_LONG + 1, NULL, "NAME is a workflow: remove it, and its functions"},
    {0},
};

static int remove_one(struct client *client, const char *name, bool workflow, bool quiet)
{
    char path[128];
    struct answer answer;
    (void)snprintf(path, sizeof path, "/v1/%s/%s", workflow ? "workflows" : "functions", name);
    const struct request request = {.method = "DELETE", .path = path};
    int code = client_call(client, &request, &answer);
    if (code == CLI_OK && answer.status == 404)
        code = workflow
                   ? cli_fail(CLI_NOT_FOUND, "no workflow '%s'; 'mayfly workflows' lists them", name)
                   : cli_fail(CLI_NOT_FOUND, "no function '%s'; 'mayfly ls' lists them", name);
    else if (code == CLI_OK && answer.status >= 400)
        code = client_refused(&answer, name);
    else if (code == CLI_OK && !quiet)
        cli_note("removed %s", name);
    mf_buf_close(&answer.body);
    return code;
}

static int run(int argc, char **argv)
{
    const char *node = NULL;
    bool quiet = false, workflow = false;
    int key;
    while ((key = cli_getopt(&cmd_rm, argc, argv)) != -1) {
        if (key == CLIENT_KEY_NODE)
            node = optarg;
        else if (key == 'q')
            quiet = true;
        else
            workflow = true;
    }
    if (optind == argc)
        cli_usage(&cmd_rm, "which function?");
    for (int i = optind; i < argc; i++)
        client_check_name(argv[i]);
    struct client client;
    int worst = client_open(&client, node);
    for (int i = optind; i < argc && worst != CLI_UNREACHABLE && client.curl; i++) {
        int code = remove_one(&client, argv[i], workflow, quiet);
        worst = code > worst ? code : worst;
    }
    client_close(&client);
    return worst;
}

const struct command cmd_rm = {
    .name = "rm",
    .arguments = "[--workflow] NAME...",
    .summary = "remove functions from the node",
    .details = "Requests under way are answered first. A function's log goes with it.\n"
               "A function of a workflow goes with its workflow; one that another workflow has,\n"
               "too, stays.",
    .options = options,
    .run = run,
};
