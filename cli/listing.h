/* listing.h: what commands that list things of the node share: members of its JSON, tables, and the
 * options --json and --quiet. */
#ifndef MF_CLI_LISTING_H
#define MF_CLI_LISTING_H

#include <jansson.h>

#include "cli/client.h"
#include "cli/command.h"

/* A member's text, "-" where there is none; a member's number, 0. */
const char *listing_text(const json_t *object, const char *key);
long long listing_number(const json_t *object, const char *key);

/* A table with that first row. */
void listing_table_open(struct cli_table *table, const char *const *heading, size_t columns);
/* The `name` of each, one a line. */
void listing_names(const json_t *list);

#define LISTING_JSON (CLI_LONG + 1)
#define LISTING_OPTIONS                                                      \
    {"json", LISTING_JSON, NULL, "everything the node tells, as JSON"},      \
    {"quiet", 'q', NULL, "names only, one a line"}, CLIENT_OPTION_NODE

struct listing {
    const char *node;
    bool json, quiet;
};
/* Of a command that has these options and no others. optind is at its operands then. */
void listing_options(struct listing *listing, const struct command *command, int argc, char **argv);

#endif
