/* cmd_rollback.c: mayfly rollback: a workflow back to a version that the node has kept. */
#include <stdio.h>
#include <string.h>

#include "cli/changes.h"
#include "cli/client.h"
#include "cli/command.h"

enum { KEY_TO = CLI_LONG + 1, KEY_DRY_RUN, KEY_JSON };

static const struct cli_option options[] = {
    {"to", KEY_TO, "N", "the version; default: the one before"},
    {"dry-run", KEY_DRY_RUN, NULL, "say what would change, and change nothing"},
    {"json", KEY_JSON, NULL, "print the changes as JSON"},
    CLIENT_OPTION_NODE,
    {0},
};

static int run(int argc, char **argv)
{
    const char *node = NULL;
    bool json = false, dry_run = false;
    char path[256], body[64] = "{}";
    int key;
    while ((key = cli_getopt(&cmd_rollback, argc, argv)) != -1) {
        if (key == KEY_TO)
            (void)snprintf(body, sizeof body, "{\"to\":%llu}",
                           (unsigned long long)cli_number("--to", optarg, 1, INT32_MAX));
        json |= key == KEY_JSON;
        dry_run |= key == KEY_DRY_RUN;
        if (key == CLIENT_KEY_NODE)
            node = optarg;
    }
    if (argc - optind != 1)
        cli_usage(&cmd_rollback, "one workflow belongs here");
    client_check_name(argv[optind]);
    (void)snprintf(path, sizeof path, "/v1/workflows/%s/rollback%s", argv[optind],
                   dry_run ? "?dry_run=1" : "");
    const struct request request = {.method = "POST",
                                    .path = path,
                                    .data = body,
                                    .bytes = strlen(body),
                                    .content_type = "application/json"};
    struct client client;
    int code = client_open(&client, node);
    if (code == CLI_OK)
        code = changes_ask(&client, &request, argv[optind], json);
    client_close(&client);
    return code;
}

const struct command cmd_rollback = {
    .name = "rollback",
    .arguments = "WORKFLOW [--to N] [--dry-run] [--json]",
    .summary = "take a workflow back to an earlier version",
    .details =
        "As a new version with the functions of that one, so a second rollback undoes the\n"
        "first. Events that wait are the new version's, those under way end on the version\n"
        "they began with. 'mayfly workflows NAME' lists the versions that are kept.",
    .options = options,
    .run = run,
};
