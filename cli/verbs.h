/*
 * verbs.h: a command that does several things at a node, each with one operand at most: "queue peek
 * NAME". Its verbs and its options are tables; what such commands have in common is read here.
 * One thread.
 */
#ifndef MF_CLI_VERBS_H
#define MF_CLI_VERBS_H

#include "base/buf.h"
#include "cli/client.h"
#include "cli/command.h"

/* Keys of options that mean the same wherever a command has them; -d and --node, too. */
enum { VERBS_JSON = CLI_LONG + 1, VERBS_TENANT, VERBS_COUNT, VERBS_AFTER, VERBS_OWN };

/* What was asked for; first in a struct of the command's own, if that has more. */
struct asked {
    const char *node, *operand, *tenant, *after; /* NULL: not said                */
    struct mf_buf data;                          /* of -d; verbs_run() closes it   */
    bool has_data, json;
    uint64_t count;
};

struct verb {
    const char *name;  /* NULL ends the table                                  */
    const char *needs; /* without an operand: "of which queue?"; NULL: it may be */
    int (*run)(struct client *client, const struct asked *asked); /* returns a cli_exit */
};

struct verbs {
    const struct command *command;
    const struct verb *verb;
    uint64_t count_max;  /* of --count                            */
    bool of_names;       /* operands are names of functions or queues */
    /* Each option that was given, after it was read as one of the above: to check it, or to
     * read one of the command's own. Its argument is optarg. */
    void (*option)(struct asked *asked, int key);
};

/* Asked: with what is so if nothing is said. Returns a cli_exit. */
int verbs_run(const struct verbs *verbs, struct asked *asked, int argc, char **argv);

#endif
