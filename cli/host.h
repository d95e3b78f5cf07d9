/* host.h: `mayfly inspect --host`: what this machine lets a guest do. */
#ifndef MF_CLI_HOST_H
#define MF_CLI_HOST_H

#include <stdbool.h>

/* Start a spawner to learn which sandboxes work here, and print that and the host
 * system calls that each admits, with rule and reason. Returns a cli_exit. */
int host_show(bool json);

#endif
