/*
 * listen.h: functions whose settings say `listen` have a port of this machine: each connection to it
 * becomes a stream to the port that their program listens on. More than an instance may have, or
 * instances there may be, are not accepted yet. Loop thread only.
 */
#ifndef MF_NODE_STREAMS_LISTEN_H
#define MF_NODE_STREAMS_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct function;

/* The function has another version, or none any more; or the node stops. A port that cannot be had is
 * asked for again from time to time. */
void listen_settle(struct function *function);
void listen_close(struct function *function);

/* Does it listen there, as its setting says it? */
bool listen_at(const struct function *function, const char *text);
/* The port that it listens on; 0: none. */
uint16_t listen_port(const struct function *function);
/* Where it listens, "127.0.0.1:9000", or NULL; then why not, or NULL, since it is to listen nowhere.
 * Both are the function's. */
const char *listen_where(const struct function *function, const char **why);

#endif
