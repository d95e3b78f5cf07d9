/* host.h: `mayfly inspect --host`: what this machine lets a guest do. */
#ifndef MF_CLI_HOST_H
#define MF_CLI_HOST_H

#include <jansson.h>
#include <stdbool.h>

#include "spawner/protocol.h"

/* Start a spawner to learn which sandboxes work here, and print that and the host
 * system calls that each admits, with rule and reason. Returns a cli_exit. */
int host_show(bool json);

/* What a function that asks for this sandbox gets on this machine, and why:
 * {asked, here, why}; here is null where it cannot run. NULL: no memory. */
json_t *host_choice(enum mf_sandbox asked);

#endif
