/* cmd_node.c: mayfly node: becomes the daemon, which has options of its own. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

#define PROGRAM "mayfly-node"

static int run(int argc, char **argv)
{
    char path[PATH_MAX];
    (void)argc;
    if (!cli_beside(PROGRAM, path, sizeof path))
        return cli_fail(CLI_UNSUPPORTED, "no " PROGRAM " beside the mayfly program: the "
                        "installation is not whole; build or install mayfly again");
    argv[0] = path;
    execv(path, argv);
    return cli_fail(CLI_FAILED, "%s: %s", path, strerror(errno));
}

const struct command cmd_node = {
    .name = "node",
    .arguments = "[OPTION...]",
    .summary = "be a node: serve functions until Ctrl-C",
    .details = "All options go to mayfly-node; 'mayfly node --help' lists them.",
    .run = run,
};
