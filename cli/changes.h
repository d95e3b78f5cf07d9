/* changes.h: what a change of a workflow does, or would do, in lines for a person. */
#ifndef MF_CLI_CHANGES_H
#define MF_CLI_CHANGES_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/client.h"

/* Ask for it and print the answer: lines, or JSON. doing: for messages. */
int changes_ask(struct client *client, const struct request *request, const char *doing, bool json);
/* The second half, of an answer below 400. */
int changes_show(struct client *client, const struct answer *answer, const char *doing, bool json);

#endif
