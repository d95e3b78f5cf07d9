/* cmd_start.c: mayfly start and mayfly stop: whether a function takes events. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"

static const struct cli_option options[] = {
    CLIENT_OPTION_NODE,
    {"quiet", 'q', NULL, "say nothing where it was done"},
    {0},
};

static int ask_one(struct client *client, const char *name, const char *what, bool quiet)
{
    char path[128];
    struct answer answer;
    (void)snprintf(path, sizeof path, "/v1/functions/%s/%s", name, what);
    const struct request request = {.method = "POST", .path = path};
    int code = client_call(client, &request, &answer);
    if (code == CLI_OK && answer.status == 404)
        code = cli_fail(CLI_NOT_FOUND, "no function '%s'; 'mayfly ls' lists them", name);
    else if (code == CLI_OK && answer.status >= 400)
        code = client_refused(&answer, name);
    else if (code == CLI_OK && !quiet)
        cli_note("%s: %s", name, what[2] == 'a' ? "takes events" : "takes no events; what waits stays");
    mf_buf_close(&answer.body);
    return code;
}

static int run(const struct command *command, int argc, char **argv)
{
    const char *node = NULL;
    bool quiet = false;
    int key;
    while ((key = cli_getopt(command, argc, argv)) != -1) {
        if (key == CLIENT_KEY_NODE)
            node = optarg;
        else if (key == 'q')
            quiet = true;
    }
    if (optind == argc)
        cli_usage(command, "which function?");
    for (int i = optind; i < argc; i++)
        client_check_name(argv[i]);
    struct client client;
    int worst = client_open(&client, node);
    for (int i = optind; i < argc && worst != CLI_UNREACHABLE && client.curl; i++) {
        int code = ask_one(&client, argv[i], command->name, quiet);
        worst = code > worst ? code : worst;
    }
    client_close(&client);
    return worst;
}

static int run_start(int argc, char **argv)
{
    return run(&cmd_start, argc, argv);
}

static int run_stop(int argc, char **argv)
{
    return run(&cmd_stop, argc, argv);
}

const struct command cmd_start = {
    .name = "start",
    .arguments = "NAME...",
    .summary = "let stopped functions go on",
    .details = "A function is stopped by 'mayfly stop', or by its setting overload: stop-workflow. What waited\n"
               "for it is delivered then.",
    .options = options,
    .run = run_start,
};

const struct command cmd_stop = {
    .name = "stop",
    .arguments = "NAME...",
    .summary = "let functions take no more events",
    .details = "Calls are refused with 503, what waits in the function's queue stays there, what runs ends. MQTT\n"
               "messages wait there, too, as long as there is room; runs of timers are left out. It stays stopped\n"
               "when the node is started anew, until 'mayfly start' or 'mayfly deploy'.",
    .options = options,
    .run = run_stop,
};
