/* cmd_version.c: mayfly version. */
#include <stdio.h>

#include "abi/layout.h"
#include "cli/command.h"

static const struct cli_option options[] = {
    {"json", CLI_LONG + 1, NULL, "print as JSON"},
    {0},
};

static int run(int argc, char **argv)
{
    bool json = false;
    int key;
    while ((key = cli_getopt(&cmd_version, argc, argv)) != -1)
        json = key == CLI_LONG + 1;
    if (optind < argc)
        cli_usage(&cmd_version, "'%.40s' is one argument too many", argv[optind]);
    if (json)
        return cli_print_json(json_pack("{s:s, s:i}", "version", MF_VERSION, "abi",
                                        (int)MF_ABI_VERSION));
    printf("mayfly %s (ABI %u)\n", MF_VERSION, MF_ABI_VERSION);
    return CLI_OK;
}

const struct command cmd_version = {
    .name = "version",
    .arguments = "[--json]",
    .summary = "print this program's version",
    .options = options,
    .run = run,
};
